"use strict";
/* The panels: each draws what is new when a run arrives (draw) and what moves with time or the pointer (mark).
 *
 * A panel gets `view`: state, begun (settings s, start, found, marks, end), result (main, control, steps), record (now),
 * last (the last record), index, choose(what) to select a sample or neuron, and drag(changes) to change settings.
 */
const PANELS = {};
const T = TEXTS;

/** Frame of a panel: heading, drawing, hint. */
function frame(name, span) {
  const heading = node("h3", {}, [node("span", { text: T.panels[name] })]);
  const body = node("div", { class: "drawing" }), hint = node("p", { class: "hint" });
  const section = node("section", { class: `panel${span < 2 ? " small" : ""}`, id: `panel-${name}`, style: `--span:${span}`, "aria-label": T.panels[name] }, [heading, body, hint]);
  return { section, heading, title: heading.firstChild, body, hint };
}

/** Share of the noise margin of a sample that each neuron carries, and how much of it is its own noise. */
function carriers(view, i, record) {
  const { s, start } = view.begun, m = s.neurons, patches = s.patches - 1, rows = start.labels.length * patches, y = start.labels[i];
  const shares = new Float64Array(m);
  let own = 0, whole = 0;
  for (let j = 0; j < patches; j++) {
    const k = i * patches + j;
    for (let r = 0; r < m; r++) {
      const C = record.C[k * m + r];
      shares[r] += y * Model.phi(C, s.power);
      let mine = 0;
      for (let l = i * patches; l < (i + 1) * patches; l++) mine += start.gram[k * rows + l] * record.B[l * m + r];
      const weight = Math.abs(Model.phi(C, s.power));
      if (C !== 0) { own += weight * Math.min(1, Math.max(0, mine / C)); whole += weight; }
    }
  }
  let neuron = 0;
  for (let r = 1; r < m; r++) if (shares[r] > shares[neuron]) neuron = r;
  return { neuron, share: record.memorised[i] > 0 ? shares[neuron] / record.memorised[i] : NaN, own: whole > 0 ? own / whole : NaN };
}

/** The memorised samples whose noise margin one neuron carries. */
function carriedBy(view, neuron, record) {
  if (neuron < 0) return [];
  return Array.from(record.memorised, (V, i) => i).filter((i) => record.memorised[i] >= Model.MEMORISED && carriers(view, i, record).neuron === neuron);
}

/** True and largest spurious correlation of every neuron, as inner products with one patch. */
function neuronPlaces(view, record) {
  const { s, start } = view.begun, m = s.neurons, patches = s.patches - 1;
  return Array.from({ length: m }, (_, r) => {
    let largest = -Infinity;
    for (let k = 0; k < start.labels.length * patches; k++) largest = Math.max(largest, start.labels[Math.floor(k / patches)] * record.C[k * m + r]);
    return [s.signal_strength * record.u[r], largest];
  });
}

/** Stages of a run by its own times: [first, last, name, colour]. */
function stages(view) {
  const { grown, escaped, memorised } = view.result.main.times, end = view.begun.end;
  const first = Math.min(...memorised), event = Math.min(first, escaped), found = [];
  found.push([1, Math.min(grown, event, end), T.time.growth, "growth"]);
  if (grown < Math.min(event, end)) found.push([Math.max(1, grown), Math.min(event, end), T.time.stagnation, "stagnation"]);
  if (event < end) found.push([Math.max(1, event), end, first <= escaped ? T.time.memorisation : T.time.escape, first <= escaped ? "memorisation" : "escape"]);
  return found.filter(([a, b]) => b > a);
}

PANELS.time = {
  draw(panel, view) {
    const { begun, result, kept } = view, size = letter(), records = result ? result.main.records : [];
    const c = (panel.c = canvas(panel, T.panels.time));
    if (!panel.keep) {
      panel.keep = node("button", { class: "keep", onclick: () => view.keep() });
      panel.heading.append(panel.keep);
    }
    panel.keep.textContent = kept ? T.time.let_go : T.time.keep;
    panel.keep.disabled = !kept && !records.length;
    const box = { left: 3.4 * size, right: c.width - 0.6 * size, top: 2.9 * size, bottom: c.height - 2.9 * size };
    let top = 2;
    for (const r of [...records, ...(kept ? kept.records : [])]) { top = Math.max(top, Math.min(r.signal, 60)); for (const V of r.memorised) top = Math.max(top, Math.min(V, 60)); }
    const x = (panel.x = scale(1, begun.end, box.left, box.right, true)), y = scale(0, top * 1.04, box.bottom, box.top);
    const at = (step) => x(Math.max(1, Math.min(step, begun.end)));
    const clip = (panel.clip = svg("rect", { x: 0, y: 0, width: c.width, height: c.height }));
    c.root.append(svg("defs", {}, svg("clipPath", { id: "past" }, clip)));
    const past = svg("g", { "clip-path": "url(#past)" });
    if (result) {
      for (const [a, b, name, colour] of stages(view)) {
        past.append(svg("rect", { x: x(a), y: box.top - 1.35 * size, width: Math.max(0, x(b) - x(a)), height: box.bottom - box.top + 1.35 * size, style: `fill:var(--${colour})`, opacity: 0.75 }));
        const room = x(b) - x(a), letters = Math.floor(room / (0.62 * size));
        const text = letters >= name.length ? name : letters >= 3 ? name.split(" ")[0].slice(0, 3) : "";
        past.append(svg("text", { x: x(a) + 4, y: box.top - 0.35 * size, text }));
      }
    }
    c.root.append(past);
    if (kept) { // a run of one's own, to compare with
      const ghost = (value) => svg("path", { class: "kept", d: path(kept.records.filter((r) => r.step >= 1 && r.step <= begun.end).map((r) => [x(r.step), y(Math.max(0, Math.min(value(r), top * 1.03)))])) });
      kept.records[0].memorised.forEach((_, i) => c.root.append(ghost((r) => r.memorised[i])));
      c.root.append(ghost((r) => r.signal));
    }
    axes(c, x, y, box, { x: T.time.axis });
    c.root.append(svg("text", { class: "soft", x: 0, y: box.top - 1.5 * size, text: T.time.y }));
    panel.lines = [];
    panel.words = []; // shown once their place has been reached, never half
    if (result) {
      const seen = records.filter((r) => r.step >= 1), places = seen.map((r) => x(r.step));
      const points = (value) => path(seen.map((r, k) => [places[k], y(Math.max(0, Math.min(value(r), top * 1.03)))]));
      begun.start.labels.forEach((_, i) => {
        const line = svg("path", { class: "noise", d: points((r) => r.memorised[i]), onpointerenter: () => view.choose({ sample: i }) });
        panel.lines.push(line);
        past.append(line);
      });
      past.append(svg("path", { class: "signal", d: points((r) => r.signal) }));
      const near = records[Math.floor(records.length * 0.45)];
      const middle = x(Math.max(1, near.step));
      panel.words.push([svg("text", { class: "signal-text halo", x: middle, y: Math.max(box.top + size, y(Math.min(near.signal, top)) - 8), "text-anchor": "middle", text: T.time.signal }), middle + 0.33 * size * T.time.signal.length]);
      panel.words.push([svg("text", { class: "noise-text halo", x: box.right - 4, y: box.bottom - 0.5 * size, "text-anchor": "end", text: T.time.noise }), box.right - 4]);
    }
    if (begun.found.flow && !(begun.s.label_noise > 0) && !(begun.s.label_smoothing > 0)) {
      const held = Number.isFinite(begun.found.cures.plateau) ? begun.found.cures.plateau : Infinity;
      const curve = begun.found.flow.curve(begun.end).map(([t, margin]) => [at(t), y(Math.min(top * 1.04, held, margin))]);
      c.root.append(svg("path", { class: "plateau", d: path(curve.filter(([, b]) => b >= box.top)) }));
    }
    panel.ticks = [];
    const tick = (step, label, i) => {
      if (!(step <= begun.end)) return;
      const line = svg("path", { class: "tick", d: `M${at(step)} ${box.top - 2.05 * size}v${0.7 * size}` });
      if (i !== undefined) panel.ticks[i] = line;
      c.root.append(line);
      const late = at(step) > box.right - 4 * size; // there a word stands above the marks, within the panel
      if (label) c.root.append(svg("text", { x: late ? c.width : at(step) + 4, y: box.top - (late ? 2.2 : 1.5) * size, "text-anchor": late ? "end" : "start", text: label }));
    };
    tick(begun.marks.grown, "I");
    begun.marks.times.forEach((step, i) => tick(step, "", i));
    tick(begun.marks.escape, T.time.escape_tick);
    panel.now = svg("path", { class: "now" });
    c.root.append(panel.now, ...panel.words.map(([word]) => word));
    panel.box = box;
    panel.hint.textContent = kept ? filled(T.time.kept, { what: kept.differences(view.state) || T.time.same }) : T.time.ticks;
    c.root.style.cursor = "crosshair";
    const seek = (event) => { const p = event.clientX - c.root.getBoundingClientRect().left; view.seek(x.value(Math.max(box.left, Math.min(p, box.right)))); };
    c.root.onpointerdown = (event) => { c.root.setPointerCapture(event.pointerId); seek(event); c.root.onpointermove = seek; };
    c.root.onpointerup = () => { c.root.onpointermove = null; };
  },
  mark(panel, view) {
    const place = panel.x(Math.max(1, Math.min(view.record ? view.record.step : 1, view.begun.end)));
    panel.clip.setAttribute("width", place);
    panel.now.setAttribute("d", `M${place} ${panel.box.top - 1.3 * letter()}V${panel.box.bottom}`);
    panel.lines.forEach((line, i) => {
      line.classList.toggle("chosen", i === view.state.sample);
      line.classList.toggle("carried", view.carried.includes(i));
    });
    for (const [word, end] of panel.words) word.setAttribute("visibility", place >= end ? "visible" : "hidden");
    panel.ticks.forEach((line, i) => line && line.classList.toggle("chosen", i === view.state.sample));
  },
};

PANELS.neurons = {
  draw(panel, view) {
    const size = letter(), c = (panel.c = canvas(panel, T.panels.neurons)), { result, begun } = view;
    panel.sides = [];
    c.root.setAttribute("role", "group"); // its dots are buttons
    if (!result) return;
    const same = result.main === result.control, runs = same ? [result.main] : [result.control, result.main];
    const tracks = runs.map((run) => run.records.map((record) => neuronPlaces(view, record)));
    const all = tracks.flat(2), xs = all.map((p) => p[0]), ys = all.map((p) => p[1]);
    const pad = (a, b) => [a - 0.06 * (b - a || 1), b + 0.06 * (b - a || 1)], [x0, x1] = pad(Math.min(...xs), Math.max(...xs)), [y0, y1] = pad(Math.min(0, ...ys), Math.max(...ys));
    const wide = (c.width - 3.2 * size) / runs.length;
    runs.forEach((run, k) => {
      const box = { left: 3.2 * size + k * wide, right: 3.2 * size + (k + 1) * wide - 1.1 * size, top: 1.6 * size, bottom: c.height - 2.7 * size };
      const x = scale(x0, x1, box.left, box.right), y = scale(y0, y1, box.bottom, box.top);
      axes(c, x, y, box, { x: T.neurons.x });
      c.root.append(svg("text", { x: box.left + 6, y: box.top - 0.45 * size, text: (same ? T.neurons.this : k ? T.neurons.adversarial : T.neurons.standard) }));
      if (k === 0) c.root.append(svg("text", { class: "soft", x: box.left + 6, y: box.top + 0.8 * size, text: T.neurons.y }));
      const dots = [], trails = [];
      for (let r = 0; r < begun.s.neurons; r++) {
        const [a, b] = tracks[k][0][r];
        trails[r] = svg("path", { class: "trail" });
        c.root.append(trails[r], svg("circle", { class: "ring", cx: x(a), cy: y(b), r: 0.45 * size }));
      }
      for (let r = 0; r < begun.s.neurons; r++) {
        const choose = () => view.choose({ neuron: r });
        const move = (event) => {
          const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
          if (!step) return;
          event.preventDefault();
          event.stopPropagation();
          const other = Math.max(0, Math.min(begun.s.neurons - 1, r + step));
          view.choose({ neuron: other });
          dots[other][0].focus();
        };
        const dot = svg("circle", { class: "dot", r: 0.62 * size, role: "button", "aria-label": filled(T.neurons.name, { neuron: r + 1 }), onpointerenter: choose, onclick: choose, onfocus: choose, onkeydown: move });
        const number = svg("text", { class: "dot-number", text: String(r + 1), style: `font-size:${0.8 * size}px` });
        dots[r] = [dot, number];
        c.root.append(dot, number);
      }
      panel.sides.push({ track: tracks[k], x, y, dots, trails });
    });
  },
  mark(panel, view) {
    if (!view.record) return;
    const chosen = view.state.neuron, carrier = view.carrier ? view.carrier.neuron : -1;
    panel.sides.forEach(({ track, x, y, dots, trails }, k) => {
      const now = Math.min(view.index, track.length - 1);
      dots.forEach(([dot, number], r) => {
        const [a, b] = track[now][r], mine = k === panel.sides.length - 1;
        dot.setAttribute("cx", x(a));
        dot.setAttribute("cy", y(b));
        number.setAttribute("x", x(a));
        number.setAttribute("y", y(b) + 0.28 * letter());
        dot.classList.toggle("chosen", r === chosen);
        dot.setAttribute("aria-pressed", String(r === chosen));
        dot.setAttribute("tabindex", mine && r === Math.max(0, chosen) ? 0 : -1);
        dot.classList.toggle("carrier", mine && r === carrier && view.record.memorised[view.state.sample] >= Model.MEMORISED);
        trails[r].setAttribute("d", path(track.slice(0, now + 1).map((places) => [x(places[r][0]), y(places[r][1])])));
      });
    });
    const text = chosen < 0 ? T.neurons.hint : view.carried.length ? T.neurons.carries : T.neurons.none;
    panel.hint.textContent = filled(text, { neuron: chosen + 1, samples: view.carried.map((i) => i + 1).join(", ") });
  },
};

PANELS.samples = {
  draw(panel, view) {
    const n = view.begun.start.labels.length, size = letter();
    const box = sizeOf(panel), tile = 2.13 * size, across = Math.floor(box.width / tile), down = Math.floor(box.height / tile); // of the smallest tile with its gap
    const dense = n > across * down, wanted = Math.ceil(Math.sqrt((n * box.width) / box.height));
    const columns = Math.max(1, dense ? wanted : Math.max(Math.min(wanted, across), Math.ceil(n / down)));
    const tiles = node("div", { class: dense ? "tiles dense" : "tiles", style: `position:absolute;inset:0;grid-template-columns:repeat(${columns},1fr);`, role: "group", "aria-label": T.panels.samples });
    panel.tiles = view.begun.start.labels.map((_, i) => {
      const fill = node("i"), label = node("span", { text: dense ? "" : String(i + 1) });
      const tile = node("button", { class: `tile${view.begun.start.truth[i] < 0 ? " wrong" : ""}`, "aria-pressed": "false", onclick: () => view.choose({ sample: i }), onpointerenter: () => view.choose({ sample: i }) }, [fill, label]);
      const predicted = view.begun.marks.times[i];
      tile.title = predicted < Infinity ? filled(T.samples.predicted, { step: shown(predicted) }) : T.samples.never;
      tile.onkeydown = (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
        if (!step) return;
        event.preventDefault();
        event.stopPropagation();
        const other = panel.tiles[Math.max(0, Math.min(n - 1, i + step))].tile;
        other.focus();
        other.click();
      };
      tiles.append(tile);
      return { tile, fill };
    });
    panel.body.replaceChildren(tiles);
  },
  mark(panel, view) {
    if (!view.record) return;
    let count = 0;
    panel.tiles.forEach(({ tile, fill }, i) => {
      const V = view.record.memorised[i], full = V >= Model.MEMORISED;
      count += full ? 1 : 0;
      fill.style.height = `${(100 * Math.max(0, Math.min(1, V / Model.MEMORISED))).toFixed(1)}%`;
      tile.classList.toggle("full", full);
      tile.classList.toggle("carried", view.carried.includes(i));
      tile.setAttribute("aria-pressed", String(i === view.state.sample));
      tile.tabIndex = i === Math.max(0, view.state.sample) ? 0 : -1;
      tile.setAttribute("aria-label", `${T.panels.samples} ${i + 1}, V ${shown(V, 2)}`);
    });
    const i = view.state.sample, c = view.carrier;
    panel.title.textContent = filled(T.samples.count, { count, samples: panel.tiles.length });
    panel.hint.textContent = c && view.record.memorised[i] >= Model.MEMORISED
      ? filled(T.samples.detail, { i: i + 1, V: shown(view.record.memorised[i]), own: percent(c.own), neuron: c.neuron + 1, share: percent(Math.min(c.share, 1)) })
      : T.samples.hint;
  },
};

PANELS.errors = {
  draw(panel) {
    const cell = () => {
      const value = node("span", { class: "value", text: "–" }), fill = node("i"), interval = node("span", { class: "interval" });
      return { value, fill, interval, box: node("div", {}, [value, node("div", { class: "bar" }, fill), interval]) };
    };
    panel.cells = { cleanTrain: cell(), robustTrain: cell(), cleanTest: cell(), robustTest: cell() };
    const row = (text) => node("span", { class: "row", text }), head = (text) => node("span", { class: "head", text });
    const bars = node("div", { class: "bars", style: "position:absolute;inset:0" }, [
      head(T.errors.clean), head(T.errors.robust), row(T.errors.train), panel.cells.cleanTrain.box, panel.cells.robustTrain.box,
      row(T.errors.test), panel.cells.cleanTest.box, panel.cells.robustTest.box,
    ]);
    panel.body.replaceChildren(bars);
  },
  mark(panel, view) {
    if (!view.errors) return;
    for (const [name, cell] of Object.entries(panel.cells)) {
      const share = view.errors[name];
      cell.value.textContent = percent(share);
      cell.fill.style.width = `${100 * share}%`;
      cell.interval.textContent = name.endsWith("Test") ? filled(T.errors.interval, intervalWords(share, view.errors.samples)) : "";
    }
    const faint = view.record.step > 0 && Math.abs(view.record.signal) < 1e-6 && Math.max(...view.record.memorised.map(Math.abs)) < 1e-6;
    panel.hint.textContent = faint ? T.errors.faint : filled(T.errors.note, { count: shown(view.errors.samples), gap: shown(view.begun.s.gap) });
  },
};
const intervals = new Map();
function intervalWords(share, n) {
  if (!intervals.has(share)) intervals.set(share, Predictions.interval(share, n));
  const [low, high] = intervals.get(share);
  return { low: `${Number((100 * low).toFixed(1))}`, high: `${Number((100 * high).toFixed(1))} %` };
}

PANELS.data = {
  draw(panel, view) {
    panel.draws = new Generator(view.begun.s.seed, 7); // texture for the eye only: in this sampling no vectors exist
    panel.texture = Array.from({ length: 8 * 4 * 16 }, () => panel.draws.uniform());
  },
  mark(panel, view) {
    const { s, start } = view.begun, size = letter(), c = canvas(panel, T.panels.data), i = Math.max(0, Math.min(view.state.sample, start.labels.length - 1)), record = view.record;
    const truth = start.truth[i], y = start.labels[i] * truth, many = Math.min(s.patches, 5);
    panel.title.textContent = `${filled(T.panels.data, { i: i + 1 })}, ${filled(T.data.patches, { label: start.labels[i] > 0 ? "+1" : "−1" })}`;
    const wide = c.width > 430, left = 4.6 * size, strip = wide ? c.width * (many > 3 ? 0.55 : 0.48) : c.width, side = Math.max(24, Math.min((strip - left) / many - 8, wide ? c.height * 0.36 : c.height * 0.2, 6.5 * size));
    [T.data.clean, T.data.attacked].forEach((title, row) => {
      const top = 1.3 * size + row * (side + 0.9 * size);
      c.root.append(svg("text", { class: "soft", x: 0, y: top + side / 2 + 5, text: title }));
      for (let j = 0; j < many; j++) {
        const x = left + j * (side + 8), share = j === 0 ? (row ? (truth > 0 ? s.gap : 2 - s.gap) : 1) : 1, cells = 4, cell = side / cells;
        const group = svg("g", {});
        group.append(svg("rect", { x, y: top, width: side, height: side, style: "fill:var(--field);stroke:var(--soft)" }));
        if (j === 0) { // stripes: the true feature, leaning with the label
          for (let k = 0; k < 4; k++) group.append(svg("path", { d: y > 0 ? `M${x + k * cell} ${top + side}l${cell} ${-side}` : `M${x + k * cell} ${top}l${cell} ${side}`, style: `stroke:var(--signal);stroke-width:${Math.max(3, cell * 0.55)};opacity:${Math.max(0.03, Math.min(1, share))}` }));
        } else {
          for (let k = 0; k < 16; k++) {
            const shade = panel.texture[((i * 16 * 4) % 256) + (j - 1) * 16 + k];
            group.append(svg("rect", { x: x + (k % 4) * cell, y: top + Math.floor(k / 4) * cell, width: cell, height: cell, style: `fill:var(--noise);opacity:${(0.08 + 0.75 * shade).toFixed(2)}` }));
          }
        }
        c.root.append(group);
        if (row === 0 && (j === 0 || side >= 4.7 * size)) c.root.append(svg("text", { class: "soft", x, y: 0.95 * size, style: `font-size:${0.85 * size}px`, text: j === 0 ? T.data.feature : filled(T.data.noise, { j }) }));
      }
    });
    const origin = wide ? { x: strip + 5 * size, y: 2.1 * size } : { x: left, y: 2.5 * size + 2 * (side + 0.9 * size) };
    if (record) {
      const U = Model.learntSignal(record.u, s.power), V = record.memorised[i];
      const kappa = s.gap < 1 ? Model.attackedCoefficient({ ...s, threat: "signal_span" }, U, truth) : s.signal_strength;
      const clean = truth * Math.pow(s.signal_strength, s.power) * U, attacked = truth * Math.pow(kappa, s.power) * U;
      const above = (share) => Math.max(share, 0) + Math.max(V, 0), under = (share) => Math.min(share, 0) + Math.min(V, 0);
      const least = Math.min(under(clean), under(attacked)), room = c.width - origin.x - (wide ? 1.2 : 7.8) * size, unit = room / (Math.max(2, above(clean), above(attacked)) - least);
      const zero = origin.x - least * unit; // what is wrong stands on the left of it
      const below = wide ? 1.75 * size : 0.4 * size; // room under a bar; where it is narrow the figures stand beside it
      const tall = Math.max(12, Math.min(2.1 * size, (c.height - origin.y) / 2 - below));
      [[T.data.clean, clean], [T.data.attacked, attacked]].forEach(([title, share], row) => {
        const top = origin.y + row * (tall + below), beside = share < 0 === V < 0 ? share : 0;
        const bar = (from, size, colour) => svg("rect", { x: zero + Math.min(from, from + size) * unit, y: top, width: Math.abs(size) * unit, height: tall, style: `fill:var(--${colour});opacity:${colour === "noise" ? 0.8 : 1}` });
        c.root.append(svg("text", { class: "soft", x: origin.x - 6, y: top + tall / 2 + 5, "text-anchor": "end", text: title }));
        c.root.append(bar(0, share, "signal"), bar(beside, V, "noise"));
        c.root.append(svg("path", { class: "axis", d: `M${zero} ${top - 3}v${tall + 6}` }));
        const figures = svg("text", wide ? { x: origin.x, y: top + tall + 1.05 * size } : { x: c.width - 2, y: top + tall / 2 + 5, "text-anchor": "end" }, [
          svg("tspan", { class: "signal-text", text: shown(share, 2) }), svg("tspan", { text: " + " }), svg("tspan", { class: "noise-text", text: shown(V, 2) }),
        ]);
        c.root.append(figures);
      });
      c.root.append(svg("text", { x: c.width - 2, y: origin.y - 0.65 * size, "text-anchor": "end", style: `font-size:${0.85 * size}px` }, [
        c.width > 16 * size && svg("tspan", { class: "soft", text: `${T.data.shares} ` }), svg("tspan", { class: "signal-text", text: T.data.signal_share }), svg("tspan", { text: " + " }), svg("tspan", { class: "noise-text", text: T.data.noise_share }),
      ]));
    }
    panel.hint.textContent = `${truth < 0 ? `${T.data.flipped} ` : ""}${s.gap < 1 ? filled(T.data.erased, { share: `${Number((100 * (1 - s.gap)).toPrecision(3))} %` }) : T.data.no_attack}`;
  },
};

PANELS.real = {
  draw(panel) {
    const row = (cells, tag) => node("tr", {}, cells.map((text) => node(tag, { text })));
    panel.body.replaceChildren(node("div", { class: "real", style: "position:absolute;inset:0" }, [
      node("p", { text: T.real.intro }), node("table", {}, [row(T.real.head, "th"), ...T.real.rows.map((cells) => row(cells, "td"))]), node("p", {}, [node("span", { text: `${T.real.kind} ` }), node("code", { text: T.real.command })]), (panel.model = node("p")),
    ]));
  },
  mark(panel, view) {
    const { s, start } = view.begun;
    panel.model.textContent = filled(T.real.model, { norm: shown(Math.sqrt(start.gram[0])), radius: shown(s.signal_strength * (1 - s.gap)) });
  },
};
