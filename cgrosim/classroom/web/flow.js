"use strict";
/* Gradient flow: the limit of small steps, followed over many decades of time by an adaptive Runge-Kutta pair.
 *
 * Dormand and Prince (1980), order 5 with an error estimate of order 4 and an interpolant of order 4 between steps.
 * Time is learning_rate * step, and every time that leaves this file is in steps.
 */
const Flow = (() => {
  const A = [
    [],
    [1 / 5],
    [3 / 40, 9 / 40],
    [44 / 45, -56 / 15, 32 / 9],
    [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
    [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
    [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
  ];
  const ERROR = [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40];
  const BETWEEN = [ // Shampine (1986): y(t + x h) = y + h sum_i k_i sum_p BETWEEN[i][p] x^(p + 1)
    [1, -8048581381 / 2820520608, 8663915743 / 2820520608, -12715105075 / 11282082432],
    [0, 0, 0, 0],
    [0, 131558114200 / 32700410799, -68118460800 / 10900136933, 87487479700 / 32700410799],
    [0, -1754552775 / 470086768, 14199869525 / 1410260304, -10690763975 / 1880347072],
    [0, 127303824393 / 49829197408, -318862633887 / 49829197408, 701980252875 / 199316789632],
    [0, -282668133 / 205662961, 2019193451 / 616988883, -1453857185 / 822651844],
    [0, 40617522 / 29380423, -110615467 / 29380423, 69997945 / 29380423],
  ];

  /** Follow the flow from `start` and return what was recorded.
   *
   * @param {object} s settings; @param start see drawStart
   * @param {number[]} steps increasing, when to record (0 is the start)
   * @param {object} [options] tolerance (relative), evaluations (at most), tell(share) called now and then
   * @returns {records, times, evaluations, problem}: a record holds step, u, B, C, decayed, clean, attacked,
   *   memorised, signal (alpha^q U), weakest ((gap alpha)^q U); times hold grown, escaped, memorised (N), Infinity: not yet
   */
  function run(s, start, steps, options = {}) {
    const tolerance = options.tolerance || 1e-8, most = options.evaluations || 200000;
    const m = start.signal.length, size = m + start.noise.length, eta = s.learning_rate, rho = s.weight_decay || 0;
    const scales = tolerances(s, start, tolerance);
    let evaluations = 0;
    const decayedAt = (time) => Math.exp(-rho * time);
    const split = (y, time) => ({ u: y.subarray(0, m), B: y.subarray(m), decayed: decayedAt(time) });
    const projected = new Float64Array(start.noise.length), latest = Model.room(start); // of the last evaluation
    const rates = (time, y, rate) => {
      evaluations += 1;
      const B = y.subarray(m), F = Model.forces(s, start, y.subarray(0, m), Model.projections(start, B, decayedAt(time), projected), latest);
      for (let k = 0; k < m; k++) rate[k] = F.onSignal[k] - rho * y[k];
      for (let k = m; k < size; k++) rate[k] = F.onNoise[k - m] - rho * y[k];
    };
    const scratch = Model.room(start);
    const record = (step, y) => {
      const state = split(y, eta * step), u = state.u.slice(), B = state.B.slice();
      const C = Model.projections(start, B, state.decayed), F = Model.forces(s, start, u, C, scratch), U = Model.learntSignal(u, s.power);
      return {
        step, u, B, C, decayed: state.decayed, clean: F.clean.slice(), attacked: F.attacked.slice(), memorised: F.memorised.slice(),
        signal: Math.pow(s.signal_strength, s.power) * U, weakest: Math.pow(s.gap * s.signal_strength, s.power) * U,
      };
    };
    /** What the hitting times watch, less its threshold: 0 the signal, 1 the attacked signal, 2 + i sample i. */
    const level = (e, y, time) => {
      const state = split(y, time);
      if (e >= 2) return Model.memorisedNoise(s, start, state, e - 2) - Model.MEMORISED;
      const U = Model.learntSignal(state.u, s.power), share = e === 0 ? 1 : s.gap;
      return Math.pow(share * s.signal_strength, s.power) * U - (e === 0 ? Model.GROWN : Model.ESCAPED);
    };
    const watched = Array.from({ length: 2 + start.labels.length }, (_, e) => e);

    let y = new Float64Array(size), time = 0, problem = "";
    y.set(start.signal);
    const found = watched.map((e) => (level(e, y, 0) >= 0 ? 0 : Infinity));
    const records = [];
    let next = 0;
    while (next < steps.length && steps[next] <= 0) { records.push(record(0, y)); next += 1; }
    const end = eta * (steps.length ? steps[steps.length - 1] : 0);
    const pool = Array.from({ length: 8 }, () => new Float64Array(size)); // seven stages and a new state
    let stages = pool.slice(0, 7), spare = pool[7];
    const within = new Float64Array(size); // a state between two steps
    rates(0, y, stages[0]);
    let h = firstStep(y, stages[0], scales, tolerance, end);
    while (next < steps.length) {
      if (evaluations > most) { problem = "slow"; break; }
      h = Math.min(h, end - time);
      attempt(time, y, h, stages, rates, spare);
      let error = 0;
      const [s0, , s2, s3, s4, s5, s6] = stages;
      for (let k = 0; k < size; k++) {
        const e = ERROR[0] * s0[k] + ERROR[2] * s2[k] + ERROR[3] * s3[k] + ERROR[4] * s4[k] + ERROR[5] * s5[k] + ERROR[6] * s6[k];
        const scale = scales[k < m ? 0 : 1] + tolerance * Math.max(Math.abs(y[k]), Math.abs(spare[k]));
        error += ((h * e) / scale) * ((h * e) / scale);
      }
      error = Math.sqrt(error / size);
      if (!(error < 1)) {
        h *= Number.isFinite(error) ? Math.max(0.2, 0.9 * Math.pow(error, -0.2)) : 0.2;
        if (!(time + h > time)) { problem = "diverged"; break; }
        continue;
      }
      const inside = (x) => between(y, h, stages, x, within);
      const memorised = latest.memorised; // of the last stage, which stands at the new state
      for (const e of watched) {
        if (found[e] !== Infinity) continue;
        if (e >= 2 ? memorised[e - 2] < Model.MEMORISED : level(e, spare, time + h) < 0) continue;
        found[e] = (time + h * crossing((x) => level(e, inside(x), time + x * h))) / eta;
      }
      while (next < steps.length && eta * steps[next] <= (time + h) * (1 + 1e-14)) {
        records.push(record(steps[next], inside(Math.min(1, (eta * steps[next] - time) / h))));
        next += 1;
      }
      time += h;
      [y, spare] = [spare, y];
      [stages[0], stages[6]] = [stages[6], stages[0]]; // the last stage was taken at the new state
      h *= Math.min(5, error > 0 ? 0.9 * Math.pow(error, -0.2) : 5);
      if (options.tell && records.length) options.tell(records.length / steps.length);
      if (options.stop && options.stop(found, time / eta)) break;
    }
    return { records, times: { grown: found[0], escaped: found[1], memorised: found.slice(2) }, evaluations, problem };
  }

  /** Absolute tolerances: u against the start's scale, B against what moves C by its own start. */
  function tolerances(s, start, tolerance) {
    const rows = Math.sqrt(start.gram.length);
    let energy = 0, square = 0;
    for (let k = 0; k < rows; k++) energy += start.gram[k * rows + k] / rows;
    for (const C of start.noise) square += (C * C) / start.noise.length;
    return [tolerance * s.init_std, energy > 0 && square > 0 ? (tolerance * Math.sqrt(square)) / energy : tolerance];
  }

  function firstStep(y, rate, scales, tolerance, end) {
    let largest = 0;
    for (let k = 0; k < y.length; k++) largest = Math.max(largest, Math.abs(rate[k]) / (Math.abs(y[k]) + scales[1] / tolerance));
    return Math.min(end || 1, largest > 0 ? 0.01 / largest : 1);
  }

  const NODES = [0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1];

  /** One step of size h: stages 1 to 6 from stage 0, and the new state in `moved`, where the last stage is taken. */
  function attempt(time, y, h, stages, rates, moved) {
    const [k0, k1, k2, k3, k4, k5] = stages, size = y.length;
    for (let i = 1; i < 7; i++) {
      const [a, b = 0, c = 0, d = 0, e = 0, f = 0] = A[i];
      if (i === 1) for (let l = 0; l < size; l++) moved[l] = y[l] + h * (a * k0[l]);
      else if (i === 2) for (let l = 0; l < size; l++) moved[l] = y[l] + h * (a * k0[l] + b * k1[l]);
      else if (i === 3) for (let l = 0; l < size; l++) moved[l] = y[l] + h * (a * k0[l] + b * k1[l] + c * k2[l]);
      else if (i === 4) for (let l = 0; l < size; l++) moved[l] = y[l] + h * (a * k0[l] + b * k1[l] + c * k2[l] + d * k3[l]);
      else if (i === 5) for (let l = 0; l < size; l++) moved[l] = y[l] + h * (a * k0[l] + b * k1[l] + c * k2[l] + d * k3[l] + e * k4[l]);
      else for (let l = 0; l < size; l++) moved[l] = y[l] + h * (a * k0[l] + c * k2[l] + d * k3[l] + e * k4[l] + f * k5[l]);
      rates(time + NODES[i] * h, moved, stages[i]);
    }
  }

  function between(y, h, stages, x, value) {
    value.set(y);
    for (let i = 0; i < 7; i++) {
      const b = BETWEEN[i], weight = h * x * (b[0] + x * (b[1] + x * (b[2] + x * b[3])));
      if (weight) for (let k = 0; k < value.length; k++) value[k] += weight * stages[i][k];
    }
    return value;
  }

  /** Where an increasing level crosses 0 in [0, 1]: false position (Illinois). */
  function crossing(level) {
    let low = 0, high = 1, below = level(0), above = level(1), kept = 0;
    if (below >= 0) return 0;
    if (above < 0) return 1;
    for (let i = 0; i < 60 && high - low > 1e-10; i++) {
      const x = (low * above - high * below) / (above - below), value = level(x);
      if (value < 0) { low = x; below = value; if (kept < 0) above /= 2; kept = -1; }
      else { high = x; above = value; if (kept > 0) below /= 2; kept = 1; }
      if (value === 0) break;
    }
    return high;
  }

  /** Gradient descent itself, one step after another, recorded at whole steps; for the first thousands of steps. */
  function descend(s, start, steps, options = {}) {
    const state = Model.initial(start), records = [], N = start.labels.length;
    const times = { grown: Infinity, escaped: Infinity, memorised: new Array(N).fill(Infinity) };
    let next = 0, problem = "";
    for (let step = 0; next < steps.length; step++) {
      const C = Model.projections(start, state.B, state.decayed), F = Model.forces(s, start, state.u, C);
      const U = Model.learntSignal(state.u, s.power);
      const signal = Math.pow(s.signal_strength, s.power) * U, weakest = Math.pow(s.gap * s.signal_strength, s.power) * U;
      if (!Number.isFinite(U) || !F.memorised.every(Number.isFinite) || Math.abs(signal) > 1e12) { problem = "diverged"; break; }
      if (signal >= Model.GROWN) times.grown = Math.min(times.grown, step);
      if (weakest >= Model.ESCAPED) times.escaped = Math.min(times.escaped, step);
      F.memorised.forEach((V, i) => { if (V >= Model.MEMORISED) times.memorised[i] = Math.min(times.memorised[i], step); });
      while (next < steps.length && steps[next] <= step) {
        records.push({
          step: steps[next], u: state.u.slice(), B: state.B.slice(), C, decayed: state.decayed,
          clean: F.clean, attacked: F.attacked, memorised: F.memorised, signal, weakest,
        });
        next += 1;
      }
      if (step >= (options.most || 20000)) { problem = "short"; break; }
      Model.gradientStep(s, start, state);
    }
    return { records, times, evaluations: 0, problem };
  }

  return { run, descend };
})();
