"use strict";
/* What the theory says before anything is run, from the start alone; the same numbers as cgrosim.predict.
 *
 * While the noise is small every u_r obeys u' = F |u|^(q-1) with one F: all follow from the growth L = log(u/u(0)) of
 * the largest, and the time to any L is an integral (theory/plateau.py). A sample is memorised when its exposure, the
 * time weighted with the loss slope of an unmemorised sample, has reached what its start needs (theory/memorisation.py).
 */
const Predictions = (() => {
  const NODES = [0.0950125098376374, 0.2816035507792589, 0.4580167776572274, 0.6178762444026438, 0.7554044083550030, 0.8656312023878318, 0.9445750230732326, 0.9894009349916499];
  const WEIGHTS = [0.1894506104550685, 0.1826034150449236, 0.1691565193950025, 0.1495959888165767, 0.1246289712555339, 0.0951585116824928, 0.0622535239386479, 0.0271524594117541];
  const NEVER = Infinity, LATE = 1e6, FADED = 45, LONGEST = 1e300;

  /** Integral of f over [a, b] by 16-point Gauss-Legendre. */
  function integral(f, a, b) {
    const middle = 0.5 * (a + b), half = 0.5 * (b - a);
    let sum = 0;
    for (let i = 0; i < 8; i++) sum += WEIGHTS[i] * (f(middle - half * NODES[i]) + f(middle + half * NODES[i]));
    return half * sum;
  }

  /** sum_k part_k (x_k(t)/x_k(0))^p while the fastest coordinate grows by L, ratio_k being k |x|^(q-2) over the
   * fastest's: x(t)/x(0) = (1 - ratio (1 - e^(-(q-2) L)))^(-1/(q-2)), and e^(ratio L) at q = 2. */
  function grownSum(parts, ratios, L, excess, power) {
    let sum = 0;
    if (excess === 0) {
      for (let k = 0; k < parts.length; k++) sum += parts[k] * Math.exp(power * ratios[k] * L);
      return sum;
    }
    const passed = -Math.expm1(-excess * L), left = Math.exp(-excess * L), exponent = -power / excess;
    for (let k = 0; k < parts.length; k++) {
      const ratio = ratios[k], x = ratio * passed < 0.5 ? 1 - ratio * passed : 1 - ratio + ratio * left;
      sum += parts[k] * lowered(x, exponent);
    }
    return sum;
  }

  /** x^p, p = -q/(q-2): by products where that is a whole number (q = 2.5, 3, 4), else by exp and log, which are
   * three times as fast as pow and lose |p log x| of the last digit, a few units. */
  function lowered(x, p) {
    if (p === -3) return 1 / (x * x * x);
    if (p === -2) return 1 / (x * x);
    if (p === -5) return 1 / (x * x * (x * x * x));
    return Math.exp(p * Math.log(x));
  }

  /** Growth, plateau and escape of the true feature; times are in steps. */
  class SignalFlow {
    constructor(signal, s) {
      Object.assign(this, { s, q: s.power, excess: s.power - 2, lambda: s.threat === "none" ? 0 : s.adversarial_weight });
      this.logs = Array.from(signal, (u) => Math.log(Math.abs(u)));
      this.signs = Array.from(signal, Math.sign);
      this.starts = Array.from(signal);
      this.first = signal.indexOf(Math.max(...signal));
      this.ratios = Float64Array.from(this.logs, (x, r) => this.signs[r] * Math.exp(this.excess * (x - this.logs[this.first])));
      this.parts = Float64Array.from(this.logs, (x, r) => this.signs[r] * Math.exp(this.q * (x + Math.log(s.signal_strength))));
      this.pace = s.learning_rate * s.power * Math.pow(s.signal_strength, s.power);
      this.shares = [s.gap, s.threat === "fixed_direction" ? s.gap : 2 - s.gap].map((share) => Math.pow(share, s.power));
      this.edges = [0];
      this.margins = [this.margin(0)];
      this.times = [0];
      this.exposures = [0];
      this.turn = this.turning();
      this.extend((flow) => flow.last >= 100);
    }

    /** u_r when the largest has grown by L. */
    correlations(L) {
      return this.starts.map((u, r) => grownSum([u], [this.ratios[r]], L, this.excess, 1));
    }

    /** alpha^q U there. */
    margin(L) { return grownSum(this.parts, this.ratios, L, this.excess, this.q); }

    /** Steps per growth, dt/dL, in `wait`; and what they add to the exposure, weighted with the loss slope of a sample
     * with V = 0, in `exposing`. The attack moves the signal against the sign of U. */
    measure(L) {
      const margin = this.margin(L), share = this.shares[margin < 0 ? 1 : 0];
      const clean = (1 - this.lambda) * Model.slope(margin), attacked = this.lambda * Model.slope(share * margin);
      this.wait = 1 / (this.pace * Math.exp(this.excess * (this.logs[this.first] + L)) * (clean + share * attacked));
      this.exposing = this.wait * (clean + attacked);
    }

    waitAt(L) { this.measure(L); return this.wait; }
    exposingAt(L) { this.measure(L); return this.exposing; }

    /** Growth at which U turns positive; 0 if it starts positive. */
    turning() {
      if (this.margin(0) >= 0) return 0;
      let high = 1;
      while (this.margin(high) < 0 && high < 2048) high *= 2;
      return this.growthOfMargin(0, high);
    }

    growthOfMargin(margin, high) {
      let low = 0;
      for (let i = 0; i < 64; i++) {
        const middle = 0.5 * (low + high);
        if (this.margin(middle) < margin) low = middle; else high = middle;
      }
      return 0.5 * (low + high);
    }

    /** Lay panels on which the rates change by factors of order one, until `enough`. */
    extend(enough) {
      const g = this.s.gap, full = Math.max(0, Math.log(1 - this.lambda) - Math.log(this.lambda) - this.q * Math.log(g)) + FADED;
      let L = this.edges[this.edges.length - 1];
      this.last = this.margin(L);
      while (!enough(this) && this.edges.length < 20000 && this.times[this.times.length - 1] < LONGEST) {
        let size = Math.abs(this.last);
        if (size > full) size *= Math.pow(g, this.q);
        else if (this.last < 0) size *= Math.pow(2 - g, this.q);
        const step = size > 0 ? Math.min(0.5 / this.q, 1 / (this.q * size)) : 0.5 / this.q;
        const next = this.turn > L && this.turn <= L + step * (1 + 1e-9) ? this.turn : L + step;
        const middle = 0.5 * (L + next), half = 0.5 * (next - L); // both integrals at once
        let time = 0, exposure = 0;
        for (let i = 0; i < 16; i++) {
          this.measure(i < 8 ? middle - half * NODES[i] : middle + half * NODES[i - 8]);
          time += WEIGHTS[i % 8] * this.wait;
          exposure += WEIGHTS[i % 8] * this.exposing;
        }
        this.times.push(this.times[this.times.length - 1] + half * time);
        this.exposures.push(this.exposures[this.exposures.length - 1] + half * exposure);
        this.edges.push(next);
        L = next;
        this.last = this.margin(L);
        this.margins.push(this.last);
      }
    }

    /** The predicted curve up to a time, at the panels' edges: [step, alpha^q U]. */
    curve(time) {
      const end = this.marginAt(time), last = this.times.findIndex((t) => t >= time);
      const within = last < 0 ? this.times.length : last;
      return [...this.times.slice(0, within).map((t, k) => [t, this.margins[k]]), [time, end]];
    }

    panelOf(values, value) {
      let low = 0, high = values.length - 1;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (values[middle] <= value) low = middle; else high = middle;
      }
      return low;
    }

    /** Growth at which a running integral (times or exposures) has the given value: Newton inside its panel. */
    growthAt(values, density, value) {
      if (value <= 0) return 0;
      const k = this.panelOf(values, value), left = this.edges[k];
      let low = left, high = this.edges[k + 1], L = 0.5 * (low + high);
      for (let i = 0; i < 60; i++) {
        const error = values[k] + integral(density, left, L) - value;
        if (error > 0) high = L; else low = L;
        let next = L - error / density(L);
        if (!(next > low && next < high)) next = 0.5 * (low + high);
        if (Math.abs(next - L) <= 1e-14 * Math.max(1, L)) return next;
        L = next;
      }
      return L;
    }

    growthAtTime(time) {
      this.extend((flow) => flow.times[flow.times.length - 1] >= time);
      return this.growthAt(this.times, (x) => this.waitAt(x), Math.min(time, this.times[this.times.length - 1]));
    }

    marginAt(time) { return this.margin(this.growthAtTime(time)); }

    timeOfGrowth(L) {
      const k = this.panelOf(this.edges, L);
      return this.times[k] + integral((x) => this.waitAt(x), this.edges[k], L);
    }

    timeOfMargin(margin) {
      if (this.margin(0) >= margin) return 0;
      this.extend((flow) => flow.last >= margin);
      if (this.last < margin) return NEVER;
      return this.timeOfGrowth(this.growthOfMargin(margin, this.edges[this.edges.length - 1]));
    }

    escapeTime() {
      const margin = Model.ESCAPED / Math.pow(this.s.gap, this.q);
      if (!(margin < 1e299) || (this.lambda === 0 && margin > 700)) return NEVER;
      return this.timeOfMargin(margin);
    }

    exposureAt(time) {
      const L = this.growthAtTime(time), k = this.panelOf(this.edges, L);
      return this.exposures[k] + integral((x) => this.exposingAt(x), this.edges[k], L);
    }

    growthOfExposure(exposure) {
      if (!Number.isFinite(exposure)) return NEVER;
      this.extend((flow) => flow.exposures[flow.exposures.length - 1] >= exposure);
      if (this.exposures[this.exposures.length - 1] < exposure) return NEVER;
      return this.growthAt(this.exposures, (x) => this.exposingAt(x), exposure);
    }

    timeOfExposure(exposure) {
      const L = this.growthOfExposure(exposure);
      return L === NEVER ? NEVER : this.timeOfGrowth(L);
    }
  }

  /** The correlations v_{r,i,j}(0) = y <w_r, X_k> of every sample with the energies |X_k|^2 of their patches. */
  const known = new WeakMap(); // a start is asked for them many times while a slider moves
  function startsOf(start) {
    if (known.has(start)) return known.get(start);
    const m = start.signal.length, rows = start.noise.length / m, patches = rows / start.labels.length;
    const found = start.labels.map((y, i) => Array.from({ length: patches * m }, (_, f) => {
      const neuron = f % m, patch = (f - neuron) / m, k = i * patches + patch;
      return { v: y * start.noise[k * m + neuron], energy: start.gram[k * rows + k], neuron, patch };
    }));
    known.set(start, found);
    return found;
  }

  /** Exposure in steps at which V_i reaches 0.7, its features apart from one another; Infinity: never. */
  const needs = new WeakMap(); // of the start and the power alone: {q, need}
  function requiredExposure(s, features) {
    if (!needs.has(features) || needs.get(features).q !== s.power) needs.set(features, { q: s.power, need: neededBy(s.power, features) });
    return (s.samples / (s.learning_rate * s.power)) * needs.get(features).need;
  }

  /** The same in units of N / (learning_rate q). */
  function neededBy(q, features) {
    const excess = q - 2;
    let V = 0, negative = 0, fastest = null, speed = 0;
    for (const f of features) {
      V += Model.phi(f.v, q);
      if (f.v < 0) negative += Model.raised(f.v, q);
      const own = f.v > 0 ? f.energy * Math.pow(f.v, excess) : 0;
      if (own > speed) { speed = own; fastest = f; }
    }
    if (V >= Model.MEMORISED) return 0;
    if (fastest === null) return NEVER;
    const ratios = Float64Array.from(features, (f) => Math.min(1, (Math.sign(f.v) * f.energy * Math.pow(Math.abs(f.v), excess)) / speed));
    const parts = Float64Array.from(features, (f) => Model.phi(f.v, q)), margin = (L) => grownSum(parts, ratios, L, excess, q);
    let low = 0, high = Math.max(0, Math.log(Model.MEMORISED + negative) / q - Math.log(fastest.v));
    for (let k = 0; k < 60; k++) {
      const middle = 0.5 * (low + high);
      if (margin(middle) < Model.MEMORISED) low = middle; else high = middle;
    }
    const panels = Math.max(1, Math.ceil(2 * q * high));
    let sum = 0; // s(0) / s(V) = (1 + e^V) / 2 slows the clock down
    for (let k = 0; k < panels; k++) {
      sum += integral((L) => 0.5 * (1 + Math.exp(margin(L))) * Math.exp(-excess * (Math.log(fastest.v) + L)), (high * k) / panels, (high * (k + 1)) / panels);
    }
    return sum / fastest.energy;
  }

  /** log Gamma(x) for x > 0 (Lanczos, g = 7). */
  function logGamma(x) {
    const c = [676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7];
    let sum = 0.99999999999980993;
    for (let k = 0; k < 8; k++) sum += c[k] / (x + k);
    const t = x + 6.5;
    return 0.9189385332046727 + (x - 0.5) * Math.log(t) - t + Math.log(sum);
  }

  const median = (values) => {
    const sorted = values.slice().sort((a, b) => a - b), half = sorted.length >> 1;
    return sorted.length % 2 ? sorted[half] : 0.5 * (sorted[half - 1] + sorted[half]);
  };
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

  /** Everything that is predicted; see cgrosim/predictions/quantities.py for the words. Times are in steps. */
  function predict(s, start, options = {}) {
    const q = s.power, N = start.labels.length, adversarial = s.threat !== "none" && s.adversarial_weight > 0;
    const features = startsOf(start);
    const found = { alive: start.signal.some((u) => u > 0), adversarial };
    found.exposures = features.map((f) => requiredExposure(s, f));
    if (!found.alive) return { ...found, regime: "no signal", grown: NEVER, escape: NEVER, times: found.exposures.map((e) => (adversarial ? 2 * e : NEVER)), cures: cures(s, start, features) };
    const flow = (found.flow = new SignalFlow(start.signal, s));
    found.grown = flow.timeOfMargin(Model.GROWN);
    found.escape = adversarial ? flow.escapeTime() : NEVER;
    const lambda = flow.lambda;
    const limit = Number.isFinite(found.escape) && found.exposures.some((e) => Number.isFinite(e) && e > 0.25 * lambda * found.escape) ? flow.exposureAt(LATE * found.escape) : NEVER;
    found.times = found.exposures.map((e) => (!adversarial || e > limit ? NEVER : flow.timeOfExposure(e)));
    found.cures = cures(s, start, features);
    return { ...found, ...atTheEnd(s, start, found, features, options.end) };
  }

  /** Margins and test noise when the story is over, and the two edges of the phase diagram. */
  function atTheEnd(s, start, found, features, given) {
    const q = s.power, flow = found.flow, N = start.labels.length, m = start.signal.length;
    const last = Math.max(...found.times), wanted = found.adversarial ? 3 * (Number.isFinite(last) ? last : found.escape) : 1e3 * found.grown;
    const end = given || Math.min(Math.max(wanted, 100), 1e18);
    const margin = flow.marginAt(mean(found.times.map((t) => Math.min(t, end))));
    const winners = features.map((f) => f.reduce((best, one) => (one.v > best.v ? one : best), f[0]));
    const energy = mean(winners.map((w) => w.energy));
    const grown = new SignalFlow([Math.pow(Model.MEMORISED, 1 / q)], { ...s, signal_strength: 1, gap: 0, adversarial_weight: 0, learning_rate: (s.learning_rate * (flow.lambda || 1) * energy) / N });
    const noise = found.times.map((t, i) => (t < end ? grown.marginAt(((end - t) * winners[i].energy) / energy) : NaN));
    const norms = new Float64Array(m).fill(s.init_std * s.init_std * (s.dimension - 1));
    winners.forEach((w, i) => { if (!Number.isNaN(noise[i])) norms[w.neuron] += Math.pow(noise[i], 2 / q) / w.energy; });
    const sd = noiseDeviation(s, norms), half = median(found.times);
    const v = median(features.map((f) => Math.max(...f.map((one) => one.v))));
    const plateau = Number.isFinite(half) ? Math.max(...flow.correlations(flow.growthAtTime(half))) : NaN;
    const kappa = s.noise_std * s.noise_std * (s.dimension - 1);
    const escapeGap = Math.pow((kappa * Math.pow(Math.max(v, 0), q - 2)) / (s.samples * Math.pow(s.signal_strength, q) * Math.pow(plateau, q - 2)), 1 / q);
    const attacked = Math.pow(s.gap, q) * margin;
    return {
      end, margin, attacked, noise, norms, sd, escapeGap, overfittingGap: Math.pow(sd / margin, 1 / q),
      regime: !found.adversarial ? "standard training" : !(half < found.escape) ? "robust by signal" : attacked < sd ? "robust overfitting" : "memorised yet robust",
    };
  }

  /** sd(S) for filters orthogonal off w*, of the given squared norms: var = (P - 1) sigma_p^(2q) E z^(2q) sum norm^q. */
  function noiseDeviation(s, norms) {
    const q = s.power, moment = Math.exp(q * Math.LN2 + logGamma(q + 0.5) - 0.5 * Math.log(Math.PI));
    return Math.sqrt((s.patches - 1) * moment * norms.reduce((sum, g) => sum + Math.pow(g, q), 0)) * Math.pow(s.noise_std, q);
  }

  /** Both edges at another number of samples, from the same start: exposures and occupations go with N. */
  function edgesAt(s, start, found, samples) {
    const factor = samples / start.labels.length, flow = found.flow, q = s.power, half = flow.growthOfExposure(factor * median(found.exposures));
    if (half === NEVER) return null;
    const u = Math.max(...flow.correlations(half)), margin = flow.margin(half); // where half of the samples are memorised
    const v = median(startsOf(start).map((f) => Math.max(...f.map((one) => one.v))));
    const kappa = s.noise_std * s.noise_std * (s.dimension - 1);
    const base = s.init_std * s.init_std * (s.dimension - 1), norms = found.norms.map((g) => base + factor * (g - base));
    return {
      escape: Math.pow((kappa * Math.pow(Math.max(v, 0), q - 2)) / (samples * Math.pow(s.signal_strength, q) * Math.pow(u, q - 2)), 1 / q),
      overfitting: Math.pow(noiseDeviation(s, norms) / margin, 1 / q),
    };
  }

  /** Weight decay, label noise and smoothing: rates and thresholds of theory's stage II, in flow time (see the docs).
   *
   * v' = a_i v^(q-1) - rho v with a_i = q w_i kappa_i (1 - eps) / N, w_i the loss slope of the sample on the plateau:
   * lambda/2 where the label is right; 1 - lambda + lambda where it was flipped, whose margin is -alpha^q U. */
  function cures(s, start, features) {
    const q = s.power, excess = q - 2, rho = s.weight_decay || 0, kept = 1 - (s.label_smoothing || 0), lambda = s.threat === "none" ? 0 : s.adversarial_weight;
    const N = start.labels.length, end = Math.pow(Model.MEMORISED, -excess / q);
    const samples = features.map((f, i) => {
      const best = f.reduce((a, b) => (b.v > a.v ? b : a), f[0]);
      const weight = start.truth[i] > 0 ? 0.5 * lambda * kept : 1 - 0.5 * (1 - kept);
      const a = (q * weight * best.energy) / N, v = Math.max(best.v, 0), threshold = a * Math.pow(v, excess);
      const from = Math.pow(v, -excess);
      let time = NEVER;
      if (v > 0 && a > 0 && rho < threshold && excess === 0) time = Math.max(0, Math.log(Math.pow(Model.MEMORISED, 1 / q) / v) / (a - rho));
      else if (v > 0 && a > 0 && rho < threshold) time = rho === 0 ? (from - end) / (excess * a) : Math.log((a / rho - end) / (a / rho - from)) / (excess * rho);
      if (excess > 0 && from <= end) time = 0;
      return { rate: a, threshold, time: time / s.learning_rate };
    });
    const u = Math.max(...start.signal), right = start.truth.filter((t) => t > 0).length / N;
    const push = 0.5 * q * kept * Math.pow(s.signal_strength, q) * (1 - lambda + lambda * Math.pow(s.gap, q)) * right;
    return { samples, noiseEdge: Math.max(...samples.map((x) => x.threshold)), signalEdge: u > 0 ? push * Math.pow(u, excess) : 0, plateau: plateauUnderDecay(s) };
  }

  /** Smallest stable alpha^q U under weight decay, one dominating neuron:
   * q alpha^2 a^(1-2/q) [(1-lambda) s(a) + lambda g^q s(g^q a)] = rho; NaN without decay or where nothing holds it. */
  function plateauUnderDecay(s) {
    const q = s.power, rho = s.weight_decay || 0, lambda = s.threat === "none" ? 0 : s.adversarial_weight, g = Math.pow(s.gap, q);
    if (!(rho > 0)) return NaN;
    const gain = (a) => q * s.signal_strength ** 2 * Math.pow(a, 1 - 2 / q) * ((1 - lambda) * Model.slope(a) + lambda * g * Model.slope(g * a)) - rho;
    let low = 1;
    if (gain(low) <= 0) return NaN;
    for (let high = 1.05; high < 1e12; high *= 1.05) {
      if (gain(high) <= 0) {
        let top = high;
        for (let k = 0; k < 80; k++) { const middle = 0.5 * (low + top); if (gain(middle) > 0) low = middle; else top = middle; }
        return 0.5 * (low + top);
      }
      low = high;
    }
    return NaN;
  }

  /** Exact (Clopper-Pearson) interval at 95 % for a share seen in n independent draws. */
  function interval(share, n) {
    const k = Math.round(share * n);
    const tail = (p, from) => { // P(Binomial(n, p) >= from)
      const centre = Math.max(from, Math.floor(n * p)), odds = p / (1 - p); // from the likeliest term both ways
      const likeliest = Math.exp(logGamma(n + 1) - logGamma(centre + 1) - logGamma(n - centre + 1) + centre * Math.log(p) + (n - centre) * Math.log1p(-p));
      let sum = 0;
      for (let j = centre, term = likeliest; j <= n && term > 1e-17 * sum; j++) { sum += term; term *= ((n - j) / (j + 1)) * odds; }
      for (let j = centre, term = likeliest; j > from && term > 1e-17 * sum; j--) { term *= j / ((n - j + 1) * odds); sum += term; }
      return sum;
    };
    const solve = (target, from) => {
      let low = 0, high = 1;
      for (let i = 0; i < 40; i++) { const p = 0.5 * (low + high); if (tail(p, from) < target) low = p; else high = p; }
      return 0.5 * (low + high);
    };
    return [k === 0 ? 0 : solve(0.025, k), k === n ? 1 : solve(0.975, k + 1)];
  }

  return { SignalFlow, predict, edgesAt, cures, requiredExposure, startsOf, noiseDeviation, plateauUnderDecay, interval, logGamma };
})();
