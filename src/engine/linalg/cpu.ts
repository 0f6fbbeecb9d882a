/**
 * Linear algebra in double precision: the oracle of the GPU kernels, and the product where there is no GPU. Tensors stay
 * float32; every sum is taken in float64.
 */
import { GraphError } from '../errors.ts';
import type { CpuDevice } from '../runtime/device.ts';
import { Tensor } from '../runtime/tensor.ts';
import {
  addProducts,
  allRows,
  euclidean,
  factor,
  mirrorLower,
  regularizedResidual,
  solveBackward,
  solveForward,
  transposed,
} from './dense.ts';
import type {
  AdamState,
  AdamStepOptions,
  CovarianceFactor,
  LinearAlgebra,
  LossAndGradient,
  MatmulOptions,
  RegularizedSolve,
} from './linear-algebra.ts';
import {
  ADAM,
  adamShape,
  columnsShape,
  gatherShape,
  gramShape,
  lossShape,
  matmulShape,
  matrixShape,
  regularizedShape,
  sameShape,
  scatterShape,
  squareSize,
  triangularShape,
} from './shapes.ts';

/** L of C = LLᵀ, with Lᵀ above the diagonal. */
class CpuCovarianceFactor implements CovarianceFactor {
  readonly l: Float64Array;

  constructor(l: Float64Array) {
    this.l = l;
  }

  dispose(): void {
    // Memory of the host's, which goes when nobody holds it.
  }
}

/** Solves in place for rows of right-hand sides, and returns them. */
type Solve = (rows: Float64Array) => Float64Array;

/** With the factor of λC + KᵀK itself. */
function directSolve(
  covariance: Float32Array,
  covarianceWeight: number,
  keys: Float32Array,
  count: number,
  size: number,
): Solve {
  const l = Float64Array.from(covariance, (value) => covarianceWeight * value);
  addLowerGram(l, keys, count, size);
  factor(l, size);
  return (rows) => {
    solveForward(l, rows, count, size);
    solveBackward(l, rows, count, size);
    return rows;
  };
}

/** With the factor of C: (λC + KᵀK)⁻¹ = (λC)⁻¹ − Y(1 + KᵀY)⁻¹Yᵀ with Y = (λC)⁻¹K, keys in columns (Woodbury). */
function factoredSolve(
  l: Float64Array,
  covarianceWeight: number,
  keys: Float64Array,
  count: number,
  size: number,
): Solve {
  const unregularized: Solve = (rows) => {
    solveForward(l, rows, count, size);
    solveBackward(l, rows, count, size);
    for (let i = 0; i < rows.length; i += 1) rows[i] /= covarianceWeight;
    return rows;
  };
  const y = unregularized(keys.slice());
  const yColumns = transposed(y, count, size);
  const inner = new Float64Array(count * count);
  addProducts(allRows(inner, count, count), allRows(y, count, size), allRows(keys, count, size), size, 1);
  for (let i = 0; i < count; i += 1) inner[i * count + i] += 1;
  factor(inner, count);
  return (rows) => {
    // Yᵀr before the rows are solved in place: the same as Kᵀ(λC)⁻¹r.
    const weights = new Float64Array(count * count);
    addProducts(allRows(weights, count, count), allRows(rows, count, size), allRows(y, count, size), size, 1);
    solveForward(inner, weights, count, count);
    solveBackward(inner, weights, count, count);
    unregularized(rows);
    addProducts(allRows(rows, count, size), allRows(weights, count, count), allRows(yColumns, size, count), count, -1);
    return rows;
  };
}

export class CpuLinearAlgebra implements LinearAlgebra {
  readonly device: CpuDevice;

  constructor(device: CpuDevice) {
    this.device = device;
  }

  async matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Promise<Tensor> {
    const { m, n, k } = matmulShape(a, b, options);
    const { transposeA = false, transposeB = false, alpha = 1, accumulateInto } = options;
    // Both operands with k along their rows.
    const left = transposeA ? transposed(a.floats, k, m) : Float64Array.from(a.floats);
    const right = transposeB ? Float64Array.from(b.floats) : transposed(b.floats, k, n);
    const sum = accumulateInto ? Float64Array.from(accumulateInto.floats) : new Float64Array(m * n);
    addProducts(allRows(sum, m, n), allRows(left, m, k), allRows(right, n, k), k, alpha);
    const result = accumulateInto ?? Tensor.zeros([m, n]);
    result.floats.set(sum);
    return result;
  }

  async addGram(c: Tensor, x: Tensor): Promise<void> {
    const { count, size } = gramShape(c, x);
    const sum = Float64Array.from(c.floats);
    addLowerGram(sum, x.floats, count, size);
    mirrorLower(sum, size);
    c.floats.set(sum);
  }

  async cholesky(a: Tensor): Promise<Tensor> {
    const size = squareSize('cholesky', a);
    const l = Float64Array.from(a.floats);
    factor(l, size);
    for (let i = 0; i < size; i += 1) l.fill(0, i * size + i + 1, (i + 1) * size);
    return Tensor.fromData(Float32Array.from(l), [size, size]);
  }

  async solveTriangular(l: Tensor, b: Tensor, transpose = false): Promise<Tensor> {
    const { size, count } = triangularShape(l, b);
    const factors = Float64Array.from(l.floats);
    mirrorLower(factors, size);
    const rows = transposed(b.floats, size, count);
    if (transpose) solveBackward(factors, rows, count, size);
    else solveForward(factors, rows, count, size);
    return Tensor.fromData(Float32Array.from(transposed(rows, count, size)), [size, count]);
  }

  async factorCovariance(covariance: Tensor): Promise<CovarianceFactor> {
    const size = squareSize('factorCovariance', covariance);
    const l = Float64Array.from(covariance.floats);
    factor(l, size);
    return new CpuCovarianceFactor(l);
  }

  async solveRegularized(
    covariance: Tensor,
    covarianceWeight: number,
    keys: Tensor,
    known: CovarianceFactor | null = null,
  ): Promise<RegularizedSolve> {
    const { count, size } = regularizedShape(covariance, keys);
    const k = Float64Array.from(keys.floats);
    const solve = known
      ? factoredSolve((known as CpuCovarianceFactor).l, covarianceWeight, k, count, size)
      : directSolve(covariance.floats, covarianceWeight, keys.floats, count, size);
    const residualOf = (solution: Float64Array): Float64Array =>
      regularizedResidual(covariance.floats, covarianceWeight, k, solution, count, size);
    const scale = euclidean(k) || 1;
    const solution = solve(k.slice());
    const residual = residualOf(solution);
    const before = euclidean(residual) / scale;
    const correction = solve(residual);
    for (let i = 0; i < solution.length; i += 1) solution[i] += correction[i];
    const relativeResidual = euclidean(residualOf(solution)) / scale;
    return {
      solution: Tensor.fromData(Float32Array.from(solution), [count, size]),
      relativeResidual,
      residualHistory: [before, relativeResidual],
    };
  }

  async crossEntropy(logits: Tensor, targets: Tensor, weights: Tensor): Promise<LossAndGradient> {
    const { rows, width } = lossShape('crossEntropy', logits, { targets, weights });
    const logProbabilities = logSoftmaxRows(logits.floats, rows, width);
    const loss = new Float32Array(rows);
    const gradient = new Float32Array(rows * width);
    for (let r = 0; r < rows; r += 1) {
      const target = targets.data[r];
      expectIndex('crossEntropy', target, width);
      const weight = weights.floats[r];
      loss[r] = -logProbabilities[r * width + target];
      for (let at = r * width; at < (r + 1) * width; at += 1) {
        const indicator = at === r * width + target ? 1 : 0;
        gradient[at] = weight * (Math.exp(logProbabilities[at]) - indicator);
      }
    }
    return { loss: Tensor.fromData(loss, [rows]), gradient: Tensor.fromData(gradient, [rows, width]) };
  }

  async klDivergence(logits: Tensor, reference: Tensor, weights: Tensor): Promise<LossAndGradient> {
    const { rows, width } = lossShape('klDivergence', logits, { reference, weights });
    const logProbabilities = logSoftmaxRows(logits.floats, rows, width);
    const logP0 = reference.floats;
    const loss = new Float32Array(rows);
    const gradient = new Float32Array(rows * width);
    for (let r = 0; r < rows; r += 1) {
      let sum = 0;
      for (let at = r * width; at < (r + 1) * width; at += 1) {
        sum += Math.exp(logProbabilities[at]) * (logProbabilities[at] - logP0[at]);
      }
      for (let at = r * width; at < (r + 1) * width; at += 1) {
        const excess = logProbabilities[at] - logP0[at] - sum;
        gradient[at] = weights.floats[r] * Math.exp(logProbabilities[at]) * excess;
      }
      loss[r] = sum;
    }
    return { loss: Tensor.fromData(loss, [rows]), gradient: Tensor.fromData(gradient, [rows, width]) };
  }

  async logSoftmax(logits: Tensor): Promise<Tensor> {
    const { rows, width } = lossShape('logSoftmax', logits);
    return Tensor.fromData(Float32Array.from(logSoftmaxRows(logits.floats, rows, width)), [rows, width]);
  }

  async gatherRows(source: Tensor, indices: Tensor): Promise<Tensor> {
    const { rows, width, count } = gatherShape(source, indices);
    const gathered = new Float32Array(count * width);
    for (let i = 0; i < count; i += 1) {
      const index = indices.data[i];
      expectIndex('gatherRows', index, rows);
      gathered.set(source.floats.subarray(index * width, (index + 1) * width), i * width);
    }
    return Tensor.fromData(gathered, [count, width]);
  }

  async scatterAddRows(target: Tensor, indices: Tensor, rows: Tensor, alpha = 1): Promise<void> {
    const { height, width, count } = scatterShape(target, indices, rows);
    indices.data.forEach((index) => expectIndex('scatterAddRows', index, height));
    const values = rows.floats;
    const sums = Float64Array.from(target.floats);
    for (let i = 0; i < count; i += 1) {
      const start = indices.data[i] * width;
      for (let d = 0; d < width; d += 1) sums[start + d] += alpha * values[i * width + d];
    }
    target.floats.set(sums);
  }

  async writeColumns(target: Tensor, start: number, columns: Tensor): Promise<void> {
    const { height, targetWidth, width } = columnsShape(target, start, columns);
    const values = columns.floats;
    for (let i = 0; i < height; i += 1) {
      target.floats.set(values.subarray(i * width, (i + 1) * width), i * targetWidth + start);
    }
  }

  async adamStep(state: AdamState, gradient: Tensor, options: AdamStepOptions): Promise<void> {
    const { count, width } = adamShape(state, gradient, options);
    const { beta1, beta2, epsilon } = ADAM;
    const stepSize = options.learningRate / (1 - beta1 ** options.step);
    const correction = Math.sqrt(1 - beta2 ** options.step);
    for (let e = 0; e < count; e += 1) {
      const row = ({ floats }: Tensor): Float32Array => floats.subarray(e * width, (e + 1) * width);
      const delta = row(state.delta);
      const first = row(state.firstMoment);
      const second = row(state.secondMoment);
      const g = row(gradient);
      const norm = euclidean(delta);
      const pull = norm > 0 ? options.decay.floats[e] / norm : 0;
      const stepped = new Float64Array(width);
      for (let d = 0; d < width; d += 1) {
        const total = g[d] + pull * delta[d];
        const m = beta1 * first[d] + (1 - beta1) * total;
        const v = beta2 * second[d] + (1 - beta2) * total * total;
        first[d] = m;
        second[d] = v;
        stepped[d] = delta[d] - (stepSize * m) / (Math.sqrt(v) / correction + epsilon);
      }
      const reached = euclidean(stepped);
      const limit = options.maxNorm.floats[e];
      const scale = reached > limit ? limit / reached : 1;
      for (let d = 0; d < width; d += 1) delta[d] = scale * stepped[d];
    }
  }

  async rowNorms(x: Tensor): Promise<Tensor> {
    const [rows, width] = matrixShape('rowNorms', x);
    const norms = Float32Array.from({ length: rows }, (_, r) =>
      euclidean(x.floats.subarray(r * width, (r + 1) * width)),
    );
    return Tensor.fromData(norms, [rows]);
  }

  async addScaled(a: Tensor, alpha: number, b: Tensor, beta: number): Promise<Tensor> {
    sameShape('addScaled', a, b);
    const right = b.floats;
    return Tensor.fromData(
      a.floats.map((value, i) => alpha * value + beta * right[i]),
      a.dims,
    );
  }

  async norm(x: Tensor): Promise<number> {
    return euclidean(x.floats);
  }
}

/** Adds XᵀX to the lower half of `sum` [size, size], X [count, size]. */
function addLowerGram(sum: Float64Array, x: Float32Array, count: number, size: number): void {
  const columns = allRows(transposed(x, count, size), size, count);
  addProducts(allRows(sum, size, size), columns, columns, count, 1, true);
}

function logSoftmaxRows(values: Float32Array, rows: number, width: number): Float64Array {
  const result = new Float64Array(rows * width);
  for (let start = 0; start < rows * width; start += width) {
    const end = start + width;
    let peak = -Infinity;
    for (let at = start; at < end; at += 1) if (values[at] > peak) peak = values[at];
    let sum = 0;
    for (let at = start; at < end; at += 1) sum += Math.exp(values[at] - peak);
    const normalizer = peak + Math.log(sum);
    for (let at = start; at < end; at += 1) result[at] = values[at] - normalizer;
  }
  return result;
}

function expectIndex(operation: string, index: number, count: number): void {
  if (!(index >= 0 && index < count)) throw new GraphError(`${operation}: index ${index} is not in 0..${count - 1}.`);
}
