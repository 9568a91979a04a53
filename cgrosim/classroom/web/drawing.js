"use strict";
/* A few lines of SVG in place of a charting library: elements, axes, the size of a panel. */
const SVG = "http://www.w3.org/2000/svg";

function node(tag, attributes = {}, children = []) {
  const made = tag.startsWith("svg:") ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "text") made.textContent = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  for (const child of [].concat(children)) if (child) made.append(child);
  return made;
}
const svg = (tag, attributes, children) => node(`svg:${tag}`, attributes, children);

/** The size of a panel's drawing, asked of the browser once: asking after each panel lays the page out again. */
function sizeOf(panel) {
  if (!panel.size) panel.size = { width: Math.max(120, panel.body.clientWidth), height: Math.max(90, panel.body.clientHeight) };
  return panel.size;
}

/** A drawing that fills its panel, in pixels of the screen: {root, width, height}. */
function canvas(panel, label) {
  const { width, height } = sizeOf(panel), root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  panel.body.replaceChildren(root);
  return { root, width, height };
}
const projector = window.matchMedia("(min-width: 1600px)");
const letter = () => (projector.matches ? 18 : 14);

/** A scale from values to pixels. */
function scale(low, high, from, to, log = false) {
  const f = log ? Math.log10 : (x) => x, a = f(low), b = f(high);
  const place = (x) => from + ((f(x) - a) / (b - a || 1)) * (to - from);
  place.value = (p) => { const y = a + ((p - from) / (to - from)) * (b - a); return log ? 10 ** y : y; };
  Object.assign(place, { low, high, log });
  return place;
}

/** Round places for ticks: decades on a log scale (thinned), 1-2-5 on a linear one. */
function ticksOf(s, most) {
  if (s.log) {
    const first = Math.ceil(Math.log10(s.low) - 1e-9), last = Math.floor(Math.log10(s.high) + 1e-9), each = Math.max(1, Math.ceil((last - first + 1) / most));
    const found = [];
    for (let e = first; e <= last; e += each) found.push(10 ** e);
    return found;
  }
  const span = s.high - s.low, raw = span / most, unit = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].find((k) => k * unit >= raw) * unit;
  const found = [];
  for (let x = Math.ceil(s.low / step) * step; x <= s.high + 1e-9 * span; x += step) found.push(Math.abs(x) < 1e-12 * span ? 0 : x);
  return found;
}

/** Axes along the bottom and the left with ticks and a title below. */
function axes(c, x, y, box, words) {
  const size = letter();
  c.root.append(svg("path", { class: "axis", d: `M${box.left} ${box.top}V${box.bottom}H${box.right}` }));
  for (const t of ticksOf(x, Math.max(2, Math.floor((box.right - box.left) / (4.4 * size))))) {
    c.root.append(svg("path", { class: "axis", d: `M${x(t)} ${box.bottom}v5` }), svg("text", { x: x(t), y: box.bottom + size + 5, "text-anchor": "middle", text: shown(t) }));
  }
  for (const t of ticksOf(y, Math.max(2, Math.floor((box.bottom - box.top) / (2.4 * size))))) {
    c.root.append(svg("path", { class: "axis", d: `M${box.left} ${y(t)}h-5` }), svg("text", { x: box.left - 8, y: y(t) + size / 3, "text-anchor": "end", text: shown(t) }));
  }
  if (words.x) c.root.append(svg("text", { class: "soft", x: box.right, y: box.bottom + 2 * size + 8, "text-anchor": "end", text: words.x }));
  if (words.y) c.root.append(svg("text", { class: "soft", x: box.left - 2, y: box.top - 6, text: words.y }));
}

/** A line through points, to a tenth of a pixel. */
function path(points) {
  let text = "";
  for (const [x, y] of points) text += `${text ? "L" : "M"}${Math.round(10 * x) / 10} ${Math.round(10 * y) / 10}`;
  return text;
}
