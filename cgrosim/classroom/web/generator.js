"use strict";
/* The seeded generator of the page: xoshiro128** (Blackman and Vigna, 2018), seeded by splitmix32.
 *
 * cgrosim/classroom/generator.py is the same generator in Python. Everything is whole numbers of 32 bits and the
 * operations + - * / and sqrt, which round alike in every language, so that both give the same bits; the logarithm is
 * our own for that reason.
 */
class Generator {
  /** @param {number} seed whole, 0 to 2^53 - 1; @param {number} purpose whole: 0 data, 1 weights, 2 fresh samples */
  constructor(seed, purpose) {
    let state = (seed >>> 0) ^ Math.imul(Math.floor(seed / 4294967296) >>> 0, 0x9e3779b9) ^ Math.imul(purpose, 0x85ebca6b);
    this.words = [0, 0, 0, 0].map(() => {
      state = (state + 0x9e3779b9) | 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return (z ^ (z >>> 15)) >>> 0;
    });
    this.spare = null;
  }

  /** 32 random bits. */
  bits() {
    const w = this.words;
    const rotate = (x, k) => ((x << k) | (x >>> (32 - k))) >>> 0;
    const result = Math.imul(rotate(Math.imul(w[1], 5) >>> 0, 7), 9) >>> 0;
    const shifted = (w[1] << 9) >>> 0;
    w[2] ^= w[0];
    w[3] ^= w[1];
    w[1] = (w[1] ^ w[2]) >>> 0;
    w[0] = (w[0] ^ w[3]) >>> 0;
    w[2] = (w[2] ^ shifted) >>> 0;
    w[3] = rotate(w[3] >>> 0, 11);
    return result;
  }

  /** A number in [0, 1) with 53 random bits. */
  uniform() {
    const high = this.bits() >>> 5, low = this.bits() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** A standard normal number, by the polar method of Marsaglia and Bray (1964). */
  normal() {
    if (this.spare !== null) {
      const kept = this.spare;
      this.spare = null;
      return kept;
    }
    for (;;) {
      const x = 2 * this.uniform() - 1, y = 2 * this.uniform() - 1, square = x * x + y * y;
      if (square < 1 && square > 0) {
        const factor = Math.sqrt((-2 * logarithm(square)) / square);
        this.spare = y * factor;
        return x * factor;
      }
    }
  }

  /** Chi square with the given degrees of freedom (at least 2): twice a gamma, Marsaglia and Tsang (2000). */
  chiSquare(degrees) {
    const d = degrees / 2 - 1 / 3, c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal(), root = 1 + c * x, v = root * root * root;
      if (root <= 0) continue;
      const u = this.uniform();
      if (u > 0 && logarithm(u) < 0.5 * x * x + d - d * v + d * logarithm(v)) return 2 * d * v;
    }
  }
}

/** log(x) of a positive number with + - * / alone: x = 2^e r, log r = 2 artanh((r - 1) / (r + 1)). */
function logarithm(x) {
  let exponent = 0;
  while (x < 0.7071067811865476) { x *= 2; exponent -= 1; }
  while (x > 1.4142135623730951) { x /= 2; exponent += 1; }
  const t = (x - 1) / (x + 1), square = t * t;
  let sum = 0;
  for (let k = 23; k >= 1; k -= 2) sum = sum * square + 1 / k;
  return exponent * 0.6931471805599453 + 2 * t * sum;
}

/** Lower-triangular L (size x size, row by row) with L L^T ~ Wishart(degrees): Bartlett's decomposition. */
function bartlett(size, degrees, generator) {
  const factor = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) factor[i * size + j] = generator.normal();
    factor[i * size + i] = Math.sqrt(generator.chiSquare(degrees - i));
  }
  return factor;
}

/** The start of a run, drawn exactly in law at any dimension; see cgrosim/model/sampling.py for the derivation.
 *
 * @param {object} s settings, by the names of cgrosim.Params
 * @returns labels (N) of the samples as trained; truth (N), -1 where the label was flipped; signal u (m); noise
 *   C = <w_r, X_k> (M x m); gram K (M x M); weight_gram (m x m), rows one after another
 */
function drawStart(s) {
  const rows = s.samples * (s.patches - 1), m = s.neurons;
  const data = new Generator(s.seed, 0), initial = new Generator(s.seed, 1);
  const drawn = Array.from({ length: s.samples }, () => (data.uniform() < 0.5 ? -1 : 1));
  const factor = bartlett(rows, s.dimension - 1, data);
  const signal = Float64Array.from({ length: m }, () => s.init_std * initial.normal());
  const normal = Float64Array.from({ length: rows * m }, () => initial.normal());
  const rest = bartlett(m, s.dimension - 1 - rows, initial);
  const gram = new Float64Array(rows * rows), noise = new Float64Array(rows * m), weights = new Float64Array(m * m);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0; k <= j; k++) sum += factor[i * rows + k] * factor[j * rows + k];
      gram[i * rows + j] = gram[j * rows + i] = s.noise_std * s.noise_std * sum;
    }
    for (let r = 0; r < m; r++) {
      let sum = 0;
      for (let k = 0; k <= i; k++) sum += factor[i * rows + k] * normal[k * m + r];
      noise[i * m + r] = s.init_std * s.noise_std * sum;
    }
  }
  for (let r = 0; r < m; r++) {
    for (let t = 0; t < m; t++) {
      let inside = 0, outside = 0;
      for (let k = 0; k < rows; k++) inside += normal[k * m + r] * normal[k * m + t];
      for (let k = 0; k < m; k++) outside += rest[r * m + k] * rest[t * m + k];
      weights[r * m + t] = s.init_std * s.init_std * (inside + outside);
    }
  }
  const flips = Math.floor((s.label_noise || 0) * s.samples + 0.5); // the first ones: samples are exchangeable
  const truth = drawn.map((_, i) => (i < flips ? -1 : 1));
  return { labels: drawn.map((y, i) => y * truth[i]), truth, signal, noise, gram, weight_gram: weights };
}
