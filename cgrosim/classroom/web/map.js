"use strict";
/* The map: gap against samples or weight decay, with predicted edges, the present setting to drag, and past runs. */
const MARKS = { overfitting: "M-6 -6L6 6M6 -6L-6 6", memorised: "M0 -7L7 6H-7Z", robust: "M-6 0A6 6 0 1 0 6 0A6 6 0 1 0 -6 0", nothing: "M-6 -6H6V6H-6Z" };
const MARK_FILL = { overfitting: "none", memorised: "var(--region-b)", robust: "var(--signal)", nothing: "var(--soft)" };

PANELS.map = {
  draw(panel, view) {
    const { begun, state } = view, size = letter(), c = (panel.c = canvas(panel, T.panels.map)), decay = state.map === "decay";
    c.root.setAttribute("role", "group"); // its dot is a slider
    if (!panel.toggle) {
      panel.toggle = node("input", { type: "checkbox", onchange: () => view.drag({ map: panel.toggle.checked ? "decay" : "samples" }) });
      panel.heading.append(node("label", {}, [panel.toggle, node("span", { text: T.map.decay })]));
    }
    panel.toggle.checked = decay;
    const box = { left: 3.6 * size, right: c.width - 0.7 * size, top: 1.9 * size, bottom: c.height - 2.7 * size };
    const x = scale(0.001, 1, box.left, box.right, true), y = decay ? scale(1e-5, 30, box.bottom, box.top, true) : scale(2, 100, box.bottom, box.top, true);
    const edges = Story.edges(begun.s, begun.start);
    const area = (points, colour) => c.root.append(svg("path", { d: `${path(points)}Z`, style: `fill:var(--${colour});stroke:var(--soft);stroke-width:1` }));
    const inside = (p) => Math.max(box.left, Math.min(box.right, p)), insideY = (p) => Math.max(box.top, Math.min(box.bottom, p));
    const corner = [[box.left, box.top], [box.right, box.top], [box.right, box.bottom], [box.left, box.bottom]];
    const name = (text, px, py, anchor = "middle") => c.root.append(svg("text", { class: "region", x: px, y: py, "text-anchor": anchor, text }));
    if (edges) {
      area(corner, "region-c");
      const low = decay ? insideY(y(edges.noise)) : box.top;
      const line = (which) => (decay ? [[inside(x(edges.own[which])), box.bottom], [inside(x(edges.own[which])), low]] : edges.rows.map((row) => [inside(x(row[which])), y(row.samples)]));
      const escape = line("escape"), first = line("overfitting").map(([a, b], k) => [Math.min(a, escape[k][0]), b]);
      area([[box.left, box.bottom], ...escape, [box.left, low]], "region-b");
      area([[box.left, box.bottom], ...first, [box.left, low]], "region-a");
      if (decay) {
        const high = insideY(y(edges.signal));
        area([[box.left, low], [box.right, low], [box.right, high], [box.left, high]], "region-c");
        area([[box.left, high], [box.right, high], [box.right, box.top], [box.left, box.top]], "region-d");
        if (low - high > 1.2 * size) name(T.map.forgotten, (box.left + box.right) / 2, (low + high) / 2 + 5);
        if (high - box.top > 0.9 * size) name(T.map.nothing, (box.left + box.right) / 2, (high + box.top) / 2 + 5);
      }
      const middle = decay ? (low + box.bottom) / 2 : (box.top + box.bottom) / 2 - 0.4 * size, k = Math.floor(escape.length / 2);
      const a = first[Math.min(k, first.length - 1)][0], b = escape[k][0], letters = 0.6 * size;
      const fits = (text, room) => text.length * letters < room;
      const value = decay ? Math.max(1e-5, state.decay) : state.samples, dot = [inside(x(state.gap)), insideY(y(value))];
      const halves = (text) => {
        const spaces = [...text.matchAll(/ /g)].map((found) => found.index), cut = spaces.reduce((best, at) => (Math.abs(at - text.length / 2) < Math.abs(best - text.length / 2) ? at : best));
        return [text.slice(0, cut), text.slice(cut + 1)];
      };
      const ceiling = decay ? low : box.top;
      /** Write a name between two places, in two lines where it is narrow, beside the dot where it would be covered; false where there is no room. */
      const put = (text, from, to, wanted) => {
        const lines = fits(text, to - from) ? [text] : halves(text), tall = 1.1 * size * (lines.length - 1);
        if (!lines.every((line) => fits(line, to - from))) return false;
        const beside = dot[0] > from - size && dot[0] < to + size, covered = (py) => beside && dot[1] > py - 1.7 * size && dot[1] < py + tall + 1.2 * size;
        const py = [wanted - tall, dot[1] + 1.8 * size, dot[1] - 1.3 * size - tall].find((at) => at - size >= ceiling && at + tall <= box.bottom - 3 && !covered(at));
        if (py === undefined) return false;
        lines.forEach((line, n) => name(line, (from + to) / 2, py + 1.1 * n * size));
        return true;
      };
      const names = [[T.map.overfitting, box.left, a, decay ? box.bottom - 0.6 * size : middle, "region-a"], [T.map.memorised, a, b, decay ? middle : box.bottom - 1.3 * size, "region-b"], [T.map.robust, b, box.right, decay ? box.bottom - 0.6 * size : middle, "region-c"]];
      const seen = { "region-a": a > box.left + 2, "region-b": escape.some((point, n) => point[0] - first[n][0] > 2), "region-c": b < box.right - 2 }, foot = box.bottom + 2 * size + 8;
      let keyed = box.left, nameless = false; // what finds no room inside has its key below
      for (const [text, from, to, wanted, colour] of names) {
        if (put(text, from, to, wanted) || !seen[colour]) continue;
        if (keyed + (1.4 + 0.6 * text.length) * size > box.right - 2.4 * size) { nameless = true; continue; }
        c.root.append(svg("rect", { class: "key", x: keyed, y: foot - 0.8 * size, width: size, height: 0.85 * size, style: `fill:var(--${colour});stroke:var(--soft)` }), svg("text", { x: keyed + 1.4 * size, y: foot, text }));
        keyed += (2.4 + 0.6 * text.length) * size;
      }
      panel.order = nameless ? filled(T.map.order, { names: names.filter(([, , , , colour]) => seen[colour]).map(([text]) => text).join("; ") }) : "";
    }
    axes(c, x, y, box, { x: T.map.x, y: decay ? T.map.rho : T.map.samples });
    for (const run of view.past) {
      const py = decay ? run.decay : run.samples;
      if (decay ? py > 0 : true) c.root.append(svg("path", { class: "past", transform: `translate(${inside(x(run.gap))} ${insideY(y(py))})`, d: MARKS[run.outcome], style: `fill:${MARK_FILL[run.outcome]};stroke:var(--ink);stroke-width:2` }, svg("title", { text: T.outcomes[run.outcome] })));
    }
    const value = decay ? Math.max(1e-5, state.decay) : state.samples;
    const handle = svg("circle", { class: "handle", cx: inside(x(state.gap)), cy: insideY(y(value)), r: 0.75 * size, tabindex: 0, role: "slider", "aria-label": T.map.dot, "aria-valuetext": `${T.map.x} ${shown(state.gap)}; ${decay ? T.map.rho : T.map.samples} ${shown(value)}`, "aria-valuenow": state.gap, "aria-valuemin": 0.001, "aria-valuemax": 1 });
    const move = (px, py) => {
      const gap = Math.min(1, Math.max(0.001, Number(x.value(inside(px)).toPrecision(3)))), at = y.value(insideY(py));
      view.drag(decay ? { gap, decay: at < 1.3e-5 ? 0 : Math.min(30, Number(at.toPrecision(2))) } : { gap, samples: Math.min(100, Math.max(2, Math.round(at))) }, true);
    };
    const drag = (event) => { const r = c.root.getBoundingClientRect(); move(event.clientX - r.left, event.clientY - r.top); };
    panel.body.onpointerdown = (event) => {
      if (!event.target.closest("svg")) return;
      panel.body.setPointerCapture(event.pointerId);
      drag(event);
      panel.body.onpointermove = drag;
    };
    panel.body.onpointerup = panel.body.onpointercancel = () => { panel.body.onpointermove = null; };
    handle.onkeydown = (event) => {
      const step = { ArrowRight: [1.1, 1], ArrowLeft: [1 / 1.1, 1], ArrowUp: [1, 1.12], ArrowDown: [1, 1 / 1.12] }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      const gap = Math.min(1, Math.max(0.001, Number((state.gap * step[0]).toPrecision(3))));
      view.drag(decay ? { gap, decay: step[1] === 1 ? state.decay : Math.min(30, Math.max(1e-5, Number((Math.max(1e-5, state.decay) * step[1]).toPrecision(2)))) } : { gap, samples: Math.min(100, Math.max(2, step[1] > 1 ? Math.ceil(state.samples * step[1]) : step[1] < 1 ? Math.floor(state.samples * step[1]) : state.samples)) }, true);
    };
    c.root.append(handle);
    panel.hint.textContent = edges ? panel.order || T.map.note : T.map.none;
  },
  mark() {},
};
