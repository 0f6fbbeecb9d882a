/** The operations written down as plainly as they can be, in double precision: what both implementations are held against. */
import { seededRandom } from '../../../src/engine/random.ts';

export type Values = Float32Array | Float64Array;

/** A source of float32 samples of the standard normal distribution. */
export function gaussian(seed: number): (count: number) => Float32Array {
  const uniform = seededRandom(seed);
  return (count) =>
    Float32Array.from({ length: count }, () => {
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
      return radius * Math.cos(2 * Math.PI * uniform());
    });
}

/** Element (i, j) of a row-major matrix as a function, transposed where asked. */
function reader(values: Values, columns: number, transpose: boolean): (i: number, j: number) => number {
  return transpose ? (i, j) => values[j * columns + i] : (i, j) => values[i * columns + j];
}

/** op(A)·op(B): [m, k] × [k, n]. */
export function product(
  a: Values,
  b: Values,
  [m, n, k]: readonly [number, number, number],
  transposeA = false,
  transposeB = false,
): Float64Array {
  const left = reader(a, transposeA ? m : k, transposeA);
  const right = reader(b, transposeB ? k : n, transposeB);
  return Float64Array.from({ length: m * n }, (_, at) => {
    let sum = 0;
    for (let p = 0; p < k; p += 1) sum += left(Math.floor(at / n), p) * right(p, at % n);
    return sum;
  });
}

export function factorOf(a: Values, size: number): Float64Array {
  const l = new Float64Array(size * size);
  for (let j = 0; j < size; j += 1) {
    for (let i = j; i < size; i += 1) {
      let sum = a[i * size + j];
      for (let k = 0; k < j; k += 1) sum -= l[i * size + k] * l[j * size + k];
      l[i * size + j] = i === j ? Math.sqrt(sum) : sum / l[j * size + j];
    }
  }
  return l;
}

/** X with L·X = B or Lᵀ·X = B, for B [size, count]. */
export function triangularSolution(l: Values, b: Values, size: number, transpose: boolean): Float64Array {
  const count = b.length / size;
  const x = Float64Array.from(b);
  const element = reader(l, size, transpose);
  const order = Array.from({ length: size }, (_, i) => (transpose ? size - 1 - i : i));
  order.forEach((i, done) => {
    for (let r = 0; r < count; r += 1) {
      for (const j of order.slice(0, done)) x[i * count + r] -= element(i, j) * x[j * count + r];
      x[i * count + r] /= element(i, i);
    }
  });
  return x;
}

/** The rows a with (λC + KᵀK)·a = k, for K [count, size]. */
export function regularizedSolution(c: Values, weight: number, k: Values, size: number): Float64Array {
  const count = k.length / size;
  const matrix = product(k, k, [size, size, count], true);
  c.forEach((value, at) => (matrix[at] += weight * value));
  const l = factorOf(matrix, size);
  const columns = Float64Array.from({ length: k.length }, (_, at) => k[(at % count) * size + Math.floor(at / count)]);
  const x = triangularSolution(l, triangularSolution(l, columns, size, false), size, true);
  return Float64Array.from({ length: k.length }, (_, at) => x[(at % size) * count + Math.floor(at / size)]);
}

/** A symmetric positive definite matrix whose eigenvalues go from 1 down to 1 / `condition`, in a random basis. */
export function conditioned(size: number, condition: number, seed: number): Float32Array {
  const sample = gaussian(seed);
  const a = new Float64Array(size * size);
  for (let i = 0; i < size; i += 1) a[i * size + i] = condition ** (-i / Math.max(1, size - 1));
  // Random reflections from both sides: A ← H·A·H, H = I − 2vvᵀ/‖v‖².
  for (let reflection = 0; reflection < 8; reflection += 1) {
    const v = Float64Array.from(sample(size));
    const scale = 2 / v.reduce((sum, value) => sum + value * value, 0);
    for (const [along, across] of [
      [1, size],
      [size, 1],
    ]) {
      for (let i = 0; i < size; i += 1) {
        let sum = 0;
        for (let j = 0; j < size; j += 1) sum += v[j] * a[i * across + j * along];
        for (let j = 0; j < size; j += 1) a[i * across + j * along] -= scale * sum * v[j];
      }
    }
  }
  return Float32Array.from(a, (_, at) => {
    const i = Math.floor(at / size);
    const j = at % size;
    return (a[i * size + j] + a[j * size + i]) / 2;
  });
}

export function logSoftmaxOf(logits: Values): Float64Array {
  const row = Float64Array.from(logits);
  const peak = row.reduce((a, b) => Math.max(a, b));
  const normalizer = peak + Math.log(row.reduce((sum, value) => sum + Math.exp(value - peak), 0));
  return row.map((value) => value - normalizer);
}

/** Central differences of a function of one vector, at every place. */
export function finiteDifferences(f: (x: Float64Array) => number, at: Values, step = 1e-5): Float64Array {
  const x = Float64Array.from(at);
  return x.map((value, i) => {
    x[i] = value + step;
    const above = f(x);
    x[i] = value - step;
    const below = f(x);
    x[i] = value;
    return (above - below) / (2 * step);
  });
}

/** Adam on one vector as torch.optim.Adam does it, with MEMIT's decay before and projection after. */
export class PlainAdam {
  readonly delta: Float64Array;
  readonly #first: Float64Array;
  readonly #second: Float64Array;
  #step = 0;

  constructor(width: number) {
    this.delta = new Float64Array(width);
    this.#first = new Float64Array(width);
    this.#second = new Float64Array(width);
  }

  step(gradient: Values, learningRate: number, decay: number, maxNorm: number): void {
    this.#step += 1;
    const norm = Math.hypot(...this.delta);
    this.delta.forEach((value, i) => {
      const total = gradient[i] + (norm === 0 ? 0 : (decay * value) / norm);
      this.#first[i] += (total - this.#first[i]) * (1 - 0.9);
      this.#second[i] = 0.999 * this.#second[i] + (1 - 0.999) * total ** 2;
      const unbiasedFirst = this.#first[i] / (1 - 0.9 ** this.#step);
      const unbiasedSecond = this.#second[i] / (1 - 0.999 ** this.#step);
      this.delta[i] = value - (learningRate * unbiasedFirst) / (Math.sqrt(unbiasedSecond) + 1e-8);
    });
    const reached = Math.hypot(...this.delta);
    if (reached > maxNorm) this.delta.forEach((value, i) => (this.delta[i] = (value * maxNorm) / reached));
  }
}
