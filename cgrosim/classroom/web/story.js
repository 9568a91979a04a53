"use strict";
/* One whole story: start, predictions, the run, the same start without the attack. Runs in the page or in a worker. */
const Story = (() => {
  const FRESH = 2000, DECADE = 24; // fresh samples behind each test error; records a decade
  const SETTLED = 5000; // evaluations after which a run without attack has come to rest and may end early
  const DRAFT = 1e-5, FINAL = 1e-10; // tolerances while a slider moves and at rest

  /** What a start must have room for; an empty string where all is well. */
  function impossible(s) {
    const rows = s.samples * (s.patches - 1);
    return s.dimension - 1 < rows + s.neurons ? "dimension" : "";
  }

  /** Steps to record: the start, then evenly in the logarithm; whole numbers where single steps are taken. */
  function grid(end, whole, each = 1) {
    const steps = [0];
    for (let k = 0; ; k += each) {
      const step = Math.pow(10, k / DECADE);
      if (step >= end) break;
      const value = whole ? Math.round(step) : step;
      if (value > steps[steps.length - 1]) steps.push(value);
    }
    steps.push(end);
    return steps;
  }

  /** Where the story ends, from its predictions; with or without the attack, so that the axis stays. */
  function endOf(s, found) {
    const finite = found.times.filter(Number.isFinite), last = Math.max(...found.times);
    let end = Number.isFinite(last) ? 3 * last : Number.isFinite(found.escape) ? 3 * found.escape : 3 * Math.max(1000, ...finite);
    const rho = s.weight_decay;
    if (rho > 0) {
      const forgotten = 20 / (rho * s.learning_rate), late = found.cures.samples.map((x) => x.time).filter(Number.isFinite);
      end = rho > found.cures.noiseEdge ? Math.max(forgotten, 30 * Math.min(found.grown, 1e4)) : Math.max(3 * Math.max(0, ...late), Math.min(end, forgotten));
    }
    end = Math.min(Math.max(end, 1000), 1e15);
    const unit = Math.pow(10, Math.floor(Math.log10(end)));
    return Math.ceil((10 * end) / unit) * (unit / 10); // two digits
  }

  /** Hitting times as they are to be marked: with a cure by its own formulas. */
  function marks(s, found) {
    const cured = s.weight_decay > 0 || s.label_smoothing > 0 || s.label_noise > 0;
    const grown = s.label_noise > 0 ? Infinity : found.grown / (1 - (s.label_smoothing || 0)); // wrong labels: no formula
    return { grown, escape: cured ? Infinity : found.escape, times: cured ? found.cures.samples.map((x) => x.time) : found.times };
  }

  /** The start and everything predicted from it. */
  function begin(s, given) {
    const start = given || drawStart(s), found = Predictions.predict(s, start);
    const attacked = s.adversarial_weight > 0 ? found : Predictions.predict({ ...s, adversarial_weight: 0.5 }, start);
    return { s, start, found, marks: marks(s, found), end: endOf(s, attacked) };
  }

  /** The run itself and its control. */
  function run(begun, options) {
    const { s, start, end } = begun, descent = options.method === "descent";
    const steps = grid(descent ? Math.min(end, 20000) : end, descent, options.draft ? 2 : 1), how = { tolerance: options.draft ? DRAFT : FINAL, evaluations: options.evaluations || 40000, tell: options.tell };
    const follow = descent ? Flow.descend : Flow.run;
    const main = follow(s, start, steps, how);
    const control = s.adversarial_weight > 0 ? follow({ ...s, adversarial_weight: 0 }, start, steps, { ...how, evaluations: SETTLED }) : main;
    return { main, control, steps };
  }

  const draws = (s) => {
    const generator = new Generator(s.seed, 2), values = new Float64Array(FRESH * (s.patches - 1) * s.neurons);
    for (let k = 0; k < values.length; k++) values[k] = generator.normal();
    return values;
  };

  /** The four errors at a record. */
  function errors(s, start, record, fresh) {
    const wrong = (margins) => margins.filter((x) => x <= 0).length / margins.length;
    const U = Model.learntSignal(record.u, s.power), attack = { ...s, threat: s.gap < 1 ? "signal_span" : "none" };
    const robust = record.clean.map((margin, i) => {
      const truth = start.truth[i], kappa = Model.attackedCoefficient(attack, U, truth);
      return margin + truth * (Math.pow(kappa, s.power) - Math.pow(s.signal_strength, s.power)) * U;
    });
    const test = Model.testErrors(s, record.u, Model.weightGram(start, record), fresh);
    return { cleanTrain: wrong(record.clean), robustTrain: wrong(robust), cleanTest: test.clean, robustTest: test.robust, sd: test.sd, samples: test.samples };
  }

  /** Which of the four outcomes a run had, from its last record. */
  function outcome(s, start, record, wrong) {
    const memorised = record.memorised.filter((V) => V >= Model.MEMORISED).length / s.samples;
    if (wrong.cleanTest > 0.25 || Math.abs(record.signal) < 0.05) return "nothing";
    if (wrong.robustTest > 0.25) return "overfitting";
    return memorised >= 0.5 ? "memorised" : "robust";
  }

  /** Edges of the map: against samples (N from 2 to 100), at the smallest gap so that they do not move with the dot. */
  let kept = null; // the last edges: they change with neither gap nor decay, which are dragged
  function edges(s, start) {
    const key = JSON.stringify({ ...s, gap: 0, weight_decay: 0 });
    if (!kept || kept.key !== key || kept.start !== start) kept = { key, start, found: edgesOf(s, start) };
    return kept.found;
  }

  function edgesOf(s, start) {
    const strict = { ...s, gap: 0.001, adversarial_weight: s.adversarial_weight || 0.5, weight_decay: 0 };
    const found = Predictions.predict(strict, start);
    if (!found.alive || !found.norms) return null;
    const rows = [];
    for (let k = 0; k <= 10; k++) {
      const samples = Math.exp(Math.log(2) + (k / 10) * Math.log(50)), edge = Predictions.edgesAt(strict, start, found, samples);
      if (edge) rows.push({ samples, ...edge });
    }
    const own = Predictions.edgesAt(strict, start, found, start.labels.length);
    return rows.length && own ? { rows, own, noise: found.cures.noiseEdge, signal: found.cures.signalEdge } : null;
  }

  return { begin, run, draws, errors, outcome, edges, impossible, grid, FRESH, FINAL };
})();

if (typeof WorkerGlobalScope !== "undefined" && typeof self !== "undefined" && self instanceof WorkerGlobalScope) {
  self.onmessage = ({ data }) => {
    const begun = Story.begin(data.s, data.given);
    let told = 0;
    const tell = (share) => { if (Date.now() - told > 150) { told = Date.now(); self.postMessage({ id: data.id, share }); } };
    self.postMessage({ id: data.id, ...Story.run(begun, { ...data.options, tell }) });
  };
}
