"use strict";
/* The page: one state in, everything shown out of it. */
const $ = (id) => document.getElementById(id);

const view = {
  state: DEFAULTS, begun: null, result: null, index: 0, record: null, errors: null, carrier: null, carried: [], kept: null, past: [], panels: {}, vote: {}, open: {}, playing: false,
  choose(what) { Object.assign(view.state, what); markAll(); remember(); },
  seek(step) { stop(); goTo(nearest(step)); },
  drag(changes, moving) { change(changes, moving); },
  keep() {
    const { records } = view.result ? view.result.main : { records: [] }, then = { ...view.state };
    const differences = (now) => Object.keys(LIMITS).filter((name) => now[name] !== then[name]).map((name) => `${T.controls[name]} ${settingWords(name, then[name])}`).join("; ");
    view.kept = view.kept ? null : { records, differences };
    drawAll();
  },
  errorsAt(record) {
    if (!record.errors) record.errors = Story.errors(view.begun.s, view.begun.start, record, view.fresh());
    return record.errors;
  },
  fresh() {
    const s = view.begun.s, key = [s.seed, s.patches, s.neurons].join();
    if (view.freshKey !== key) { view.freshKey = key; view.freshDraws = Story.draws(s); }
    return view.freshDraws;
  },
};
const runner = new Runner(arrived, (word, share) => {
  $("status").textContent = word === "worker" ? "" : `${T.page[word]}${share ? ` ${percent(share)}` : ""}`;
  document.documentElement.dataset.busy = word === "computing" ? "yes" : "no";
  if (word === "worker") notice(T.problems.worker);
});

const THROWN = 1000; // a margin that no training reaches: the loss slope there is e^-1000

function notice(text) {
  $("notice").hidden = !text;
  $("notice").textContent = text || "";
}

/** Change some of the state and compute what follows from it. */
function change(changes, moving = false) {
  const begins = Object.keys(changes).some((name) => name in LIMITS);
  Object.assign(view.state, changes);
  view.state.sample = Math.min(view.state.sample, view.state.samples - 1);
  view.state.neuron = Math.min(view.state.neuron, view.state.width - 1);
  syncControls();
  if (begins) compute(moving);
  else drawAll();
  remember();
}

function compute(moving) {
  let s = settingsOf(view.state);
  view.broken = "";
  if (Story.impossible(s)) { // explained, and the nearest possible setting shown
    const rows = s.samples * (s.patches - 1), samples = Math.floor((s.dimension - 1 - s.neurons) / (s.patches - 1));
    view.broken = filled(T.problems.dimension, { rows, m: s.neurons, need: rows + s.neurons, d: s.dimension, samples });
    view.state.sample = Math.min(view.state.sample, samples - 1);
    s = { ...s, samples };
  }
  const began = performance.now();
  runner.ask(s, view.state.method, usesGiven(view.state) ? GIVEN.start : null, moving);
  view.answered = performance.now() - began; // until everything is drawn, but for the browser's painting
}

/** A story, or its predictions alone, has been computed. */
function arrived(begun, result, draft) {
  const wanted = view.state.time;
  Object.assign(view, { begun, result });
  const records = result ? result.main.records : [];
  $("scrubber").max = String(Math.max(1, records.length - 1));
  view.index = nearest(wanted);
  view.record = records[view.index] || null;
  view.errors = view.record ? view.errorsAt(view.record) : null;
  notice(problemOf(begun, result));
  if (result && !draft) {
    const last = records[records.length - 1];
    if (last) keepRun({ gap: begun.s.gap, samples: begun.s.samples, decay: begun.s.weight_decay, outcome: Story.outcome(begun.s, begun.start, last, view.errorsAt(last)) });
  }
  drawAll();
  showClock();
}

function keepRun(run) {
  const known = view.past.findIndex((p) => p.gap === run.gap && p.samples === run.samples && p.decay === run.decay);
  if (known >= 0) view.past.splice(known, 1);
  view.past.push(run);
  if (view.past.length > 60) view.past.shift();
}

/** What a pupil has to know of an odd setting; empty where there is nothing. */
function problemOf(begun, result) {
  if (view.broken) return view.broken;
  const { s, found } = begun, reached = result && result.main.records.length ? shown(result.main.records[result.main.records.length - 1].step) : "0";
  if (!found.alive) return filled(s.neurons === 1 ? T.problems.dead_one : T.problems.dead, { m: s.neurons });
  if (result && result.main.problem === "diverged") {
    return view.state.method === "descent" ? filled(T.problems.diverged, { step: reached, rate: shown(Math.max(0.1, view.state.rate / 10), 2) }) : filled(T.problems.diverged_flow, { step: reached });
  }
  const thrown = view.state.method === "descent" && result ? result.main.records.find((r) => r.step > 0 && r.signal > THROWN) : undefined;
  if (thrown) return filled(T.problems.overshoot, { step: shown(thrown.step), margin: shown(thrown.signal, 2) });
  if (result && result.main.problem === "slow") return filled(T.problems.slow, { step: reached });
  if (view.state.method === "descent" && begun.end > 20000) return T.problems.short;
  if (s.gap === 1 && s.adversarial_weight > 0) return T.problems.no_attack;
  if (s.adversarial_weight === 1 && !(found.grown < begun.end)) return T.problems.weak;
  return view.message || "";
}

function nearest(step) {
  const records = view.result ? view.result.main.records : [];
  if (step === "end") return Math.max(0, records.length - 1);
  let best = 0;
  records.forEach((r, k) => { if (Math.abs(Math.log1p(r.step) - Math.log1p(step)) < Math.abs(Math.log1p(records[best].step) - Math.log1p(step))) best = k; });
  return best;
}

function goTo(index) {
  const records = view.result ? view.result.main.records : [];
  if (!records.length) return;
  view.index = Math.max(0, Math.min(index, records.length - 1));
  view.record = records[view.index];
  view.state.time = view.index === records.length - 1 ? "end" : view.record.step;
  view.errors = view.errorsAt(view.record);
  markAll();
  showClock();
  remember();
}

function showClock() {
  const step = view.record ? view.record.step : 0;
  $("scrubber").value = String(view.index);
  $("scrubber").setAttribute("aria-valuetext", filled(T.transport.step_label, { step: shown(step) }));
  $("clock").textContent = filled(T.transport.step_label, { step: shown(step) });
  if (view.record && view.result && view.state.lesson) {
    const lesson = T.lessons[view.state.lesson - 1];
    if (view.record.step >= Math.min(lesson.until || Infinity, view.begun.end)) reveal();
  }
}

/* --- panels --- */

let resizing = 0;
const resized = new ResizeObserver(() => {
  const before = Object.values(view.panels).map((panel) => panel.size);
  for (const panel of Object.values(view.panels)) panel.size = null;
  const same = ({ size }, k) => before[k] && size.width === before[k].width && size.height === before[k].height;
  Object.values(view.panels).forEach(sizeOf);
  if (Object.values(view.panels).every(same)) return;
  clearTimeout(resizing);
  resizing = setTimeout(drawAll, 60);
});

function layout() {
  const lesson = view.state.lesson ? T.lessons[view.state.lesson - 1] : null;
  const hidden = view.state.hide.split(",");
  const wanted = (lesson ? lesson.panels : [["time", 2], ["errors", 1], ["map", 1], ["data", 1], ["neurons", 2], ["samples", 1]]).filter(([name]) => !hidden.includes(name));
  view.panels = {};
  resized.disconnect();
  $("panels").replaceChildren(...wanted.map(([name, span]) => {
    view.panels[name] = frame(name, span);
    resized.observe(view.panels[name].body);
    return view.panels[name].section;
  }));
}

function drawAll() {
  if (!view.begun) return;
  const focused = document.activeElement, on = focused.matches(".handle") ? ".handle" : focused.matches(".tile") ? '.tile[tabindex="0"]' : focused.matches(".dot") ? '.dot[tabindex="0"]' : "";
  Object.values(view.panels).forEach(sizeOf); // all of them before the first is drawn
  for (const [name, panel] of Object.entries(view.panels)) PANELS[name].draw(panel, view);
  markAll();
  if (on && document.querySelector(on)) document.querySelector(on).focus(); // what was drawn anew keeps the focus
}

function markAll() {
  if (!view.begun) return;
  view.carrier = view.record && view.state.sample >= 0 && view.record.C.length ? carriers(view, view.state.sample, view.record) : null;
  view.carried = view.record && view.record.C.length ? carriedBy(view, view.state.neuron, view.record) : [];
  for (const [name, panel] of Object.entries(view.panels)) PANELS[name].mark(panel, view);
}

/* --- time --- */

let timer = 0;
function play() {
  if (!view.result) return;
  const last = view.result.main.records.length - 1;
  if (view.index >= last) goTo(0);
  view.playing = true;
  $("play").textContent = T.transport.pause;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches, seconds = 14, step = calm ? Story.grid(10, false).length : 1;
  let from = performance.now(), at = view.index;
  const tick = (now) => {
    if (!view.playing) return;
    if (calm ? now - from > 900 : true) {
      const next = calm ? at + step : at + Math.floor(((now - from) / (seconds * 1000)) * last);
      if (next > view.index) goTo(next);
      if (calm) { from = now; at = view.index; }
    }
    if (view.index >= (view.result ? view.result.main.records.length - 1 : 0)) return stop();
    timer = requestAnimationFrame(tick);
  };
  timer = requestAnimationFrame(tick);
}

function stop() {
  view.playing = false;
  cancelAnimationFrame(timer);
  $("play").textContent = T.transport.play;
}

const toggle = () => (view.playing ? stop() : play());

/* --- lessons --- */

function openLesson(number) {
  stop();
  view.message = "";
  view.state = { ...(number ? lessonState(number) : { ...view.state, lesson: 0, hide: "" }), ...(number ? { hide: view.state.hide } : {}) };
  view.past = [];
  view.kept = null;
  layout();
  makeControls();
  tell();
  compute(false);
  remember();
}

function tell() {
  const number = view.state.lesson, story = $("story");
  $("lesson").value = String(number);
  $("previous").disabled = number <= 0;
  $("next").disabled = number >= T.lessons.length;
  story.classList.toggle("free", !number);
  if (!number) {
    story.replaceChildren(node("div", {}, [node("h2", { text: T.page.title }), node("p", { class: "lead", text: GIVEN && usesGiven(view.state) ? filled(T.page.given, { name: GIVEN.name }) : view.note || T.page.explore })]));
    return;
  }
  const lesson = T.lessons[number - 1], vote = view.vote[number];
  const votes = node("div", { class: "votes" }, lesson.options.map((text, k) => node("button", { text, "aria-pressed": String(vote === k), onclick: () => { view.vote[number] = k; tell(); } })));
  const right = [node("p", { class: "question", text: lesson.question }), votes];
  if (view.open[number]) {
    const judged = vote === undefined ? "" : ` ${filled(T.page.voted, { vote: lesson.options[vote] })} ${vote === lesson.correct ? T.page.right : T.page.wrong}`;
    right.push(node("p", { class: "after", text: filled(lesson.after, Sheets.numbers(number, view.state.seed)) + judged }));
    right.splice(1, 1);
  } else if (vote !== undefined) votes.append(node("button", { class: "reveal", text: T.page.answer, onclick: () => { view.open[number] = true; tell(); } }));
  story.replaceChildren(node("div", {}, [node("h2", { text: `${T.page.lesson} ${number}: ${lesson.title}` }), node("p", { class: "lead", text: lesson.text })]), node("div", {}, right));
}

/** Show the answer once the run has told its story, to who has voted and begun before the end. */
function reveal() {
  const number = view.state.lesson;
  if (view.vote[number] === undefined || view.open[number] || T.lessons[number - 1].time === "end") return;
  view.open[number] = true;
  tell();
}

/* --- address, theme, exports, keys --- */

let writing = 0;
function remember() {
  clearTimeout(writing);
  writing = setTimeout(() => {
    try { history.replaceState(null, "", `${location.pathname}#${addressOf(view.state)}`); } catch (error) { /* a page inside another may have no address of its own */ }
  }, 120);
}

async function share() {
  const address = `${location.href.split(/[?#]/)[0]}#${addressOf(view.state)}`;
  try { await navigator.clipboard.writeText(address); view.message = T.page.copied; } catch (error) { view.message = T.page.address; }
  location.hash = addressOf(view.state);
  notice(view.message);
  view.message = "";
}

function theme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  drawAll();
}

function dialog(title, rows) {
  const box = $("dialog");
  box.replaceChildren(node("h2", { text: title }), ...rows, node("p", {}, node("button", { text: T.page.close, onclick: () => box.close() })));
  box.showModal();
}

const showKeys = () => dialog(T.page.keys, [node("table", {}, T.keys.map(([key, what]) => node("tr", {}, [node("td", { text: key }), node("td", { text: what })])))]);

function fillChoices() {
  const option = (value, text) => node("option", { value, text });
  $("lesson").append(option("0", T.page.free), ...T.lessons.map((lesson, k) => option(String(k + 1), `${k + 1}  ${lesson.title}`)));
  $("lesson").onchange = () => openLesson(Number($("lesson").value));
  $("previous").onclick = () => openLesson(view.state.lesson - 1);
  $("next").onclick = () => openLesson(view.state.lesson + 1);
  $("preset").append(option("", T.page.presets), ...T.presets.map((preset, k) => option(String(k), preset.name)));
  $("preset").onchange = () => {
    const preset = T.presets[Number($("preset").value)];
    $("preset").value = "";
    view.note = `${preset.name}: ${preset.note}`;
    view.state = { ...DEFAULTS, ...preset.set, time: preset.time || 0, lesson: 0, map: preset.set.decay ? "decay" : "samples" };
    layout();
    makeControls();
    tell();
    compute(false);
    remember();
  };
  $("sheet-choice").append(option("", T.page.sheets), ...["worksheet", "worksheets", "key", "plan", "summary"].map((name) => option(name, T.sheets[name])));
  $("sheet-choice").onchange = () => { Sheets.open($("sheet-choice").value, view.state.lesson); $("sheet-choice").value = ""; };
  $("export").append(option("", T.page.export), ...["png", "csv", "json", "command"].map((name) => option(name, T.exports[name])));
  $("export").onchange = () => {
    const kind = $("export").value;
    $("export").value = "";
    if (kind === "command") dialog(T.exports.command, [node("p", { text: T.exports.command_hint }), node("p", {}, node("code", { text: Exports.command }))]);
    else if (view.result) Exports.run(kind, view);
  };
  $("share").onclick = share;
  $("theme").onclick = () => theme(document.documentElement.dataset.theme !== "dark");
  $("help").onclick = showKeys;
  $("play").onclick = toggle;
  $("rewind").onclick = () => { stop(); goTo(0); };
  $("back").onclick = () => { stop(); goTo(view.index - 1); };
  $("step").onclick = () => { stop(); goTo(view.index + 1); };
  $("end").onclick = () => { stop(); goTo(Infinity); };
  $("scrubber").oninput = () => { stop(); goTo(Number($("scrubber").value)); };
}

const KEYS = {
  " ": toggle, ArrowLeft: () => $("back").click(), ArrowRight: () => $("step").click(), Home: () => $("rewind").click(), End: () => $("end").click(), r: () => $("rewind").click(),
  k: () => { if (view.result) view.keep(); }, a: () => change({ attack: !view.state.attack }), n: newStart, l: share, d: () => $("theme").click(), f: () => openLesson(0), "?": showKeys, Escape: () => Sheets.open(""),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("dialog").open) return;
  const own = event.target.closest("input, select, button, summary, .handle");
  if (own && (own.matches("input, select") || event.key === " " || event.key === "Enter")) { if (event.key !== "Escape") return; }
  const action = /^\d$/.test(event.key) ? () => openLesson(Number(event.key) || 10) : KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action || (!$("sheet").hidden && event.key !== "Escape")) return;
  event.preventDefault();
  action();
});

window.addEventListener("hashchange", () => {
  if (location.hash.slice(1) === addressOf(view.state)) return;
  restore();
});
projector.onchange = drawAll;

function restore(paused = 0) {
  const { state, wrong } = readAddress();
  view.state = state;
  view.message = wrong.length ? filled(T.problems.address, { what: wrong.join(", ") }) : "";
  layout();
  makeControls();
  tell();
  setTimeout(() => { compute(false); remember(); }, paused); // what is written is painted before anything is computed
}

fillChoices();
if (window.innerWidth < 701) $("controls").open = false;
document.documentElement.dataset.theme = window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
restore(20);
