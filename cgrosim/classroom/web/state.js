"use strict";
/* What the page shows: one flat state, its limits, and the address that holds all of it. */
const TEXTS = JSON.parse(document.getElementById("texts").textContent);
const GIVEN = JSON.parse(document.getElementById("given").textContent); // a Python run's start, or null
if (GIVEN) for (const name of ["signal", "noise", "gram", "weight_gram"]) GIVEN.start[name] = Float64Array.from(GIVEN.start[name]);

const DEFAULTS = {
  attack: true, gap: 0.0046, lam: 0.5, samples: 20, noise: 1, signal: 1, flips: 0, dimension: 1000, patches: 2, width: 10,
  power: 3, seed: 1, decay: 0, smoothing: 0, method: "flow", rate: 1, time: 0, sample: 0, neuron: -1, lesson: 1, map: "samples", hide: "",
};
/* kind of slider, lowest, highest, and the places a slider has; `off` is the lowest place where it means 0. */
const LIMITS = {
  attack: { kind: "switch" }, gap: { kind: "log", low: 0.001, high: 1, places: 120 }, lam: { kind: "linear", low: 0.02, high: 1, places: 49 },
  samples: { kind: "log", low: 2, high: 100, places: 60, whole: true }, noise: { kind: "log", low: 0.25, high: 4, places: 48 },
  signal: { kind: "log", low: 0.1, high: 2, places: 52 }, flips: { kind: "linear", low: 0, high: 0.3, places: 30 },
  dimension: { kind: "log", low: 100, high: 1e6, places: 40, whole: true }, patches: { kind: "linear", low: 2, high: 5, places: 3, whole: true },
  width: { kind: "linear", low: 1, high: 20, places: 19, whole: true }, power: { kind: "linear", low: 2, high: 5, places: 6 },
  seed: { kind: "number", low: 0, high: 9007199254740991, whole: true }, decay: { kind: "log", low: 1e-5, high: 30, places: 130, off: true },
  smoothing: { kind: "linear", low: 0, high: 0.3, places: 30 }, method: { kind: "choice", values: ["flow", "descent"] },
  rate: { kind: "log", low: 0.1, high: 1000, places: 80 },
};
const GROUPS = {
  attack: ["attack", "gap", "lam"], data: ["samples", "noise", "signal", "flips", "dimension", "patches"],
  network: ["width", "power", "seed"], cure: ["decay", "smoothing"], steps: ["method", "rate"],
};

/** Fill {name} and {part.name} in a text. */
function filled(text, values) {
  return text.replace(/\{([\w.]+)\}/g, (whole, name) => {
    const found = name.split(".").reduce((at, part) => (at === undefined || at === null ? at : at[part]), values);
    return found === undefined || found === null ? whole : found;
  });
}

/** A number for people: three digits, powers of ten beyond. */
function shown(x, digits = 3) {
  if (x === Infinity) return TEXTS.page.never;
  if (!Number.isFinite(x)) return "–";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 1e5 || size < 1e-3) {
    const exponent = Math.floor(Math.log10(size)), factor = x / 10 ** exponent;
    return `${Number(factor.toPrecision(2))}·10${String(exponent).replace(/[-0-9]/g, (c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)])}`;
  }
  return size >= 1000 ? String(Math.round(x)).replace(/(\d)(?=(\d{3})+$)/g, "$1,") : String(Number(x.toPrecision(digits)));
}
const percent = (x) => (Number.isFinite(x) ? `${Number((100 * x).toFixed(x > 0 && x < 0.1 ? 1 : 0))} %` : "–");

/** The parameters of cgrosim.Params that a state stands for. */
function settingsOf(state) {
  const d = state.dimension, alpha = state.signal * Math.pow(d, 0.249);
  return {
    dimension: d, patches: state.patches, samples: state.samples, neurons: state.width, power: state.power,
    signal_strength: alpha, noise_std: state.noise * Math.pow(d, -0.509), init_std: Math.sqrt(Math.log(d)) * Math.pow(d, -0.5),
    gap: state.gap, adversarial_weight: state.attack ? state.lam : 0, learning_rate: (state.rate * 0.1) / (alpha * alpha),
    threat: "signal_span", seed: state.seed, weight_decay: state.decay, label_smoothing: state.smoothing, label_noise: state.flips,
    ...(usesGiven(state) ? GIVEN.settings : {}),
    ...(usesGiven(state) ? { gap: state.gap, adversarial_weight: state.attack ? state.lam : 0, weight_decay: state.decay, label_smoothing: state.smoothing, power: state.power } : {}),
  };
}

/** Whether the state still begins from the Python run that this page was written with. */
function usesGiven(state) {
  return GIVEN !== null && ["samples", "noise", "signal", "flips", "dimension", "patches", "width", "seed", "rate"].every((name) => state[name] === GIVEN.state[name]);
}

/** Keep a value within its limits; undefined where it cannot be one. */
function allowed(name, value) {
  const limit = LIMITS[name];
  if (name === "time") return value === "end" || (Number.isFinite(Number(value)) && Number(value) >= 0) ? (value === "end" ? value : Number(value)) : undefined;
  if (name === "hide") return String(value);
  if (name === "map") return ["samples", "decay"].includes(value) ? value : undefined;
  if (name === "lesson") return Number.isInteger(Number(value)) && value >= 0 && value <= TEXTS.lessons.length ? Number(value) : undefined;
  if (name === "sample" || name === "neuron") return Number.isInteger(Number(value)) && value >= -1 && value < 1000 ? Number(value) : undefined;
  if (!limit) return undefined;
  if (limit.kind === "switch") return value === true || value === "true" || value === "1" ? true : value === false || value === "false" || value === "0" ? false : undefined;
  if (limit.kind === "choice") return limit.values.includes(value) ? value : undefined;
  const x = typeof value === "string" && value.trim() === "" ? NaN : Number(value);
  if (!Number.isFinite(x) || (limit.whole && x !== Math.floor(x))) return undefined;
  if (limit.off && x === 0) return 0;
  const given = GIVEN !== null && GIVEN.state[name] === x; // a Python run may lie outside what sliders reach
  return given || (x >= limit.low * (1 - 1e-12) && x <= limit.high * (1 + 1e-12)) ? x : undefined;
}

/** The state in an address (query, then fragment), and what of it was impossible. */
function readAddress() {
  const state = { ...DEFAULTS, ...(GIVEN ? { ...GIVEN.state, lesson: 0 } : {}) }, wrong = [];
  const entries = [...new URLSearchParams(location.search), ...new URLSearchParams(location.hash.slice(1))];
  const lesson = entries.filter(([name]) => name === "lesson").map(([, value]) => allowed("lesson", value)).pop();
  if (lesson) Object.assign(state, lessonState(lesson));
  for (const [name, value] of entries) {
    const read = allowed(name, value);
    if (read === undefined) wrong.push(`${name} = ${value.slice(0, 40)}`);
    else state[name] = read;
  }
  return { state, wrong };
}

/** The state a lesson begins with. */
function lessonState(number) {
  const lesson = TEXTS.lessons[number - 1];
  return { ...DEFAULTS, ...lesson.set, time: lesson.time || 0, map: lesson.map || "samples", lesson: number };
}

/** The fragment that holds the state: what differs from the defaults (of its lesson), every digit of it. */
function addressOf(state) {
  const base = state.lesson ? lessonState(state.lesson) : { ...DEFAULTS, ...(GIVEN ? GIVEN.state : {}), lesson: GIVEN ? 0 : DEFAULTS.lesson };
  const parts = [["lesson", state.lesson], ...Object.keys(DEFAULTS).filter((name) => name !== "lesson" && state[name] !== base[name]).map((name) => [name, state[name]])];
  return new URLSearchParams(parts.map(([name, value]) => [name, String(value)])).toString();
}
