"use strict";
/* The model and its training, to be read beside cgrosim/model/reference.py.
 *
 * A sample has one patch with the true feature, alpha y w*, and P - 1 patches of noise. The network is
 * f(X) = sum_r sum_j phi(<w_r, X[j]>) with phi(z) = sign(z) |z|^q. Training never leaves the span of the start, w* and
 * the noise patches, so that all it needs is
 *   u_r  = <w_r, w*>       how much neuron r has learnt of the true feature,
 *   C_kr = <w_r, X_k>      how much of noise patch k (rows k = i (P - 1) + j of sample i),
 *   K    = <X_k, X_l>      how the noise patches overlap.
 * Settings have the names of cgrosim.Params. Matrices are flat, row after row.
 */
const Model = (() => {
  const MEMORISED = 0.7, GROWN = 1, ESCAPED = 0.7; // thresholds of V_i, alpha^q U and (gap alpha)^q U

  /** s(z) = 1 / (1 + exp z), minus the slope of the logistic loss log(1 + exp(-z)). */
  function slope(z) {
    if (z < 0) return 1 / (1 + Math.exp(z));
    const e = Math.exp(-z);
    return e / (1 + e);
  }

  /** |z|^p, without the call of pow at the powers that the page's slider has. */
  function raised(z, p) {
    const a = Math.abs(z);
    switch (p) {
      case 1: return a;
      case 2: return a * a;
      case 1.5: return a * Math.sqrt(a);
      case 2.5: return a * a * Math.sqrt(a);
      case 3: return a * a * a;
      case 3.5: return a * a * a * Math.sqrt(a);
      case 4: return a * a * a * a;
      default: return Math.pow(a, p);
    }
  }

  /** phi(z) = sign(z) |z|^q. */
  const phi = (z, q) => z * raised(z, q - 1);

  /** U = sum_r phi(u_r), the learnt signal. */
  function learntSignal(u, q) {
    let sum = 0;
    for (let r = 0; r < u.length; r++) sum += phi(u[r], q);
    return sum;
  }

  /** The signal coefficient that the attack leaves in a sample of this truth (+1: its label is right).
   *
   * It wants the margin truth c^q U small and may choose c between alpha - delta = gap alpha and alpha + delta. */
  function attackedCoefficient(s, U, truth) {
    const low = s.gap * s.signal_strength, high = (2 - s.gap) * s.signal_strength;
    if (s.threat === "none") return s.signal_strength;
    if (s.threat === "fixed_direction") return truth > 0 ? low : high;
    return truth * U >= 0 ? low : high;
  }

  /** Room for what `forces` returns. */
  function room(start) {
    const N = start.labels.length;
    return { onSignal: new Float64Array(start.signal.length), onNoise: new Float64Array(start.noise.length), clean: new Float64Array(N), attacked: new Float64Array(N), memorised: new Float64Array(N) };
  }

  /** Minus the gradient of the training loss, and the margins, at correlations u (m) and C (M x m).
   *
   * The loss is (1 - lambda) clean + lambda attacked; with smoothing e its slope is s(z) - e/2 instead of s(z).
   * Returns onSignal (m), onNoise (M x m; the push on the coefficient of each noise patch), clean, attacked and
   * memorised (N each): y f(X), the same under attack, and V_i, the part of both that memorised noise gives. */
  function forces(s, start, u, C, out = room(start)) {
    const q = s.power, N = start.labels.length, m = u.length, patches = C.length / (N * m);
    const smoothing = 0.5 * (s.label_smoothing || 0), lambda = s.adversarial_weight;
    const { onSignal, onNoise, clean, attacked, memorised } = out;
    const U = learntSignal(u, q), cleanPower = Math.pow(s.signal_strength, q), cleanShare = cleanPower * U;
    const rightPower = Math.pow(attackedCoefficient(s, U, 1), q), wrongPower = Math.pow(attackedCoefficient(s, U, -1), q);
    let push = 0; // on the true feature, summed over samples
    for (let i = 0; i < N; i++) {
      const truth = start.truth[i], attackedPower = truth > 0 ? rightPower : wrongPower;
      const first = i * patches * m, last = first + patches * m;
      let V = 0;
      for (let k = first; k < last; k++) V += C[k] * (onNoise[k] = raised(C[k], q - 1));
      memorised[i] = V *= start.labels[i];
      clean[i] = V + truth * cleanShare;
      attacked[i] = V + truth * attackedPower * U;
      const c = (1 - lambda) * (slope(clean[i]) - smoothing), a = lambda * (slope(attacked[i]) - smoothing);
      push += truth * (cleanPower * c + attackedPower * a);
      const weight = (start.labels[i] * (c + a) * q) / N;
      for (let k = first; k < last; k++) onNoise[k] *= weight;
    }
    for (let r = 0; r < m; r++) onSignal[r] = (push / N) * q * raised(u[r], q - 1);
    return out;
  }

  /** C = decayed C(0) + K B: the projections on the noise after coefficients B (M x m) have been learnt. */
  function projections(start, B, decayed, C = new Float64Array(B.length)) {
    const rows = Math.sqrt(start.gram.length), m = B.length / rows, K = start.gram;
    for (let k = 0; k < rows; k++) {
      for (let r = 0; r < m; r += 5) { // five neurons at a time: where nearly all the time of a run is spent
        const here = k * m + r, wide = m - r, C0 = start.noise;
        let a = decayed * C0[here], b = 0, c = 0, d = 0, e = 0;
        if (wide < 5) {
          for (let t = 0; t < wide; t++) {
            a = decayed * C0[here + t];
            for (let l = 0; l < rows; l++) a += K[k * rows + l] * B[l * m + r + t];
            C[here + t] = a;
          }
          continue;
        }
        b = decayed * C0[here + 1]; c = decayed * C0[here + 2]; d = decayed * C0[here + 3]; e = decayed * C0[here + 4];
        for (let l = 0, at = k * rows, there = r; l < rows; l++, at++, there += m) {
          const overlap = K[at];
          a += overlap * B[there];
          b += overlap * B[there + 1];
          c += overlap * B[there + 2];
          d += overlap * B[there + 3];
          e += overlap * B[there + 4];
        }
        C[here] = a; C[here + 1] = b; C[here + 2] = c; C[here + 3] = d; C[here + 4] = e;
      }
    }
    return C;
  }

  /** V_i of one sample at a state, for who needs no more. */
  function memorisedNoise(s, start, state, i) {
    const m = state.u.length, rows = state.B.length / m, patches = rows / start.labels.length;
    let V = 0;
    for (let k = i * patches; k < (i + 1) * patches; k++) {
      for (let r = 0; r < m; r++) {
        let C = state.decayed * start.noise[k * m + r];
        for (let l = 0; l < rows; l++) C += start.gram[k * rows + l] * state.B[l * m + r];
        V += phi(C, s.power);
      }
    }
    return start.labels[i] * V;
  }

  /** The state at the start: true correlations, no coefficients, and how much of the start is left. */
  function initial(start) {
    return { u: start.signal.slice(), B: new Float64Array(start.noise.length), decayed: 1 };
  }

  /** One step of gradient descent, in place: w <- (1 - eta rho) w - eta gradient. */
  function gradientStep(s, start, state) {
    const F = forces(s, start, state.u, projections(start, state.B, state.decayed));
    const kept = 1 - s.learning_rate * (s.weight_decay || 0);
    state.u.forEach((_, r) => { state.u[r] = kept * state.u[r] + s.learning_rate * F.onSignal[r]; });
    state.B.forEach((_, k) => { state.B[k] = kept * state.B[k] + s.learning_rate * F.onNoise[k]; });
    state.decayed *= kept;
  }

  /** Gram matrix (m x m) of the weights off w*: G = d^2 G(0) + d (C(0)^T B + B^T C(0)) + B^T K B, d the part left. */
  function weightGram(start, state) {
    const { B, decayed: d } = state, m = state.u.length, rows = B.length / m;
    const C = projections(start, B, d), G = new Float64Array(m * m);
    for (let r = 0; r < m; r++) {
      for (let t = 0; t < m; t++) {
        let sum = d * d * start.weight_gram[r * m + t]; // K B = C - d C(0)
        for (let k = 0; k < rows; k++) sum += d * start.noise[k * m + r] * B[k * m + t] + B[k * m + r] * C[k * m + t];
        G[r * m + t] = sum;
      }
    }
    return G;
  }

  /** Lower-triangular L with L L^T = G (Cholesky; a pivot below round-off gives zeros). */
  function cholesky(G, m) {
    const L = new Float64Array(m * m);
    let largest = 0;
    for (let r = 0; r < m; r++) largest = Math.max(largest, G[r * m + r]);
    for (let j = 0; j < m; j++) {
      for (let i = j; i < m; i++) {
        let sum = 0;
        for (let k = 0; k < j; k++) sum += L[i * m + k] * L[j * m + k];
        L[i * m + j] = G[i * m + j] - sum;
      }
      const pivot = L[j * m + j];
      for (let i = j; i < m; i++) L[i * m + j] = pivot > m * 2.220446049250313e-16 * largest ? L[i * m + j] / Math.sqrt(pivot) : 0;
    }
    return L;
  }

  /** Errors on fresh samples: their noise enters through (<w_r, xi>)_r ~ N(0, sigma_p^2 G), drawn from the law.
   *
   * @param draws standard normals (n x (P - 1) x m)
   * @returns shares of margins that are not positive: clean and under the attack; and sd, the deviation of S */
  function testErrors(s, u, G, draws) {
    const m = u.length, q = s.power, L = cholesky(G, m), patches = s.patches - 1, n = draws.length / (patches * m);
    const U = learntSignal(u, q), kappa = attackedCoefficient({ ...s, threat: s.gap < 1 ? "signal_span" : "none" }, U, 1);
    const cleanShare = Math.pow(s.signal_strength, q) * U, attackedShare = Math.pow(kappa, q) * U;
    let clean = 0, robust = 0, square = 0;
    for (let i = 0; i < n; i++) {
      let S = 0;
      for (let j = 0; j < patches; j++) {
        const first = (i * patches + j) * m;
        for (let r = 0; r < m; r++) {
          let x = 0;
          for (let k = 0; k <= r; k++) x += draws[first + k] * s.noise_std * L[r * m + k];
          S += phi(x, q);
        }
      }
      square += S * S;
      const seen = i % 2 ? -S : S; // labels alternate
      if (seen + cleanShare <= 0) clean += 1;
      if (seen + attackedShare <= 0) robust += 1;
    }
    return { clean: clean / n, robust: robust / n, sd: Math.sqrt(square / n), samples: n };
  }

  return { MEMORISED, GROWN, ESCAPED, slope, raised, phi, learntSignal, attackedCoefficient, room, forces, projections, memorisedNoise, initial, gradientStep, weightGram, cholesky, testErrors };
})();
