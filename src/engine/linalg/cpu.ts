/**
 * Linear algebra in double precision: the oracle of the GPU kernels, and the product where there is no GPU. Tensors stay
 * float32; every sum is taken in float64.
 */
import { DeviceError, NotPositiveDefiniteError } from '../errors.ts';
import type { CpuDevice } from '../runtime/device.ts';
import { Tensor } from '../runtime/tensor.ts';
import type {
  AdamState,
  AdamStepOptions,
  LinearAlgebra,
  LossAndGradient,
  MatmulOptions,
  RegularizedSolve,
} from './linear-algebra.ts';

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

export class CpuLinearAlgebra implements LinearAlgebra {
  readonly device: CpuDevice;

  constructor(device: CpuDevice) {
    this.device = device;
  }

  async matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Promise<Tensor> {
    const { transposeA = false, transposeB = false, alpha = 1, accumulateInto } = options;
    // Rows of the left and of the right operand along k, so that the inner loop reads both in order.
    const left = transposeA ? transposed(a) : widened(a);
    const right = transposeB ? widened(b) : transposed(b);
    if (left.columns !== right.columns) {
      throw new DeviceError(
        `Matrices of ${left.rows}×${left.columns} and ${right.columns}×${right.rows} cannot be multiplied.`,
      );
    }
    const result = accumulateInto ?? Tensor.zeros([left.rows, right.rows]);
    const out = result.floats;
    for (let i = 0; i < left.rows; i += 1) {
      for (let j = 0; j < right.rows; j += 1) {
        out[i * right.rows + j] += alpha * dot(left.data, i * left.columns, right.data, j * left.columns, left.columns);
      }
    }
    return result;
  }

  async addGram(c: Tensor, x: Tensor): Promise<void> {
    const columns = transposed(x);
    const size = columns.rows;
    const out = c.floats;
    for (let i = 0; i < size; i += 1) {
      for (let j = 0; j <= i; j += 1) {
        const value =
          out[i * size + j] +
          dot(columns.data, i * columns.columns, columns.data, j * columns.columns, columns.columns);
        out[i * size + j] = value;
        out[j * size + i] = value;
      }
    }
  }

  async cholesky(a: Tensor): Promise<Tensor> {
    const size = a.dims[0];
    const l = Float64Array.from(a.floats);
    factor(l, size);
    return Tensor.fromData(Float32Array.from(l), [size, size]);
  }

  async solveTriangular(l: Tensor, b: Tensor, transpose = false): Promise<Tensor> {
    const [size, count] = b.dims;
    const factorL = Float64Array.from(l.floats);
    const rows = transposed(b).data;
    for (let r = 0; r < count; r += 1) {
      const row = rows.subarray(r * size, (r + 1) * size);
      if (transpose) solveBackward(factorL, row, size);
      else solveForward(factorL, row, size);
    }
    const solution = new Float32Array(size * count);
    for (let r = 0; r < count; r += 1) for (let i = 0; i < size; i += 1) solution[i * count + r] = rows[r * size + i];
    return Tensor.fromData(solution, [size, count]);
  }

  async solveRegularized(covariance: Tensor, covarianceWeight: number, keys: Tensor): Promise<RegularizedSolve> {
    const [count, size] = keys.dims;
    const k = Float64Array.from(keys.floats);
    const matrix = new Float64Array(size * size);
    const c = covariance.floats;
    const columns = transposed(keys).data;
    for (let i = 0; i < size; i += 1) {
      for (let j = 0; j <= i; j += 1) {
        const value = covarianceWeight * c[i * size + j] + dot(columns, i * count, columns, j * count, count);
        matrix[i * size + j] = value;
        matrix[j * size + i] = value;
      }
    }
    const l = matrix.slice();
    factor(l, size);
    const solution = k.slice();
    const residualHistory: number[] = [];
    const norm = Math.sqrt(dot(k, 0, k, 0, k.length));
    for (let sweep = 0; ; sweep += 1) {
      const residual = sweep === 0 ? k.slice() : residualOf(matrix, solution, k, size);
      if (sweep > 0) residualHistory.push(Math.sqrt(dot(residual, 0, residual, 0, residual.length)) / norm);
      if (sweep === 2) break;
      for (let e = 0; e < count; e += 1) {
        const row = residual.subarray(e * size, (e + 1) * size);
        solveForward(l, row, size);
        solveBackward(l, row, size);
      }
      if (sweep === 0) solution.set(residual);
      else residual.forEach((value, i) => (solution[i] += value));
    }
    return {
      solution: Tensor.fromData(Float32Array.from(solution), [count, size]),
      relativeResidual: residualHistory[residualHistory.length - 1],
      residualHistory,
    };
  }

  async crossEntropy(logits: Tensor, targets: Tensor, weights: Tensor): Promise<LossAndGradient> {
    const [rows, width] = logits.dims;
    const logProbabilities = logSoftmaxRows(logits);
    const loss = new Float32Array(rows);
    const gradient = new Float32Array(rows * width);
    for (let r = 0; r < rows; r += 1) {
      const target = targets.data[r];
      const weight = weights.floats[r];
      loss[r] = -logProbabilities[r * width + target];
      for (let v = 0; v < width; v += 1) gradient[r * width + v] = weight * Math.exp(logProbabilities[r * width + v]);
      gradient[r * width + target] -= weight;
    }
    return { loss: Tensor.fromData(loss, [rows]), gradient: Tensor.fromData(gradient, [rows, width]) };
  }

  async klDivergence(logits: Tensor, reference: Tensor, weights: Tensor): Promise<LossAndGradient> {
    const [rows, width] = logits.dims;
    const logProbabilities = logSoftmaxRows(logits);
    const loss = new Float32Array(rows);
    const gradient = new Float32Array(rows * width);
    const logP0 = reference.floats;
    for (let r = 0; r < rows; r += 1) {
      let sum = 0;
      for (let at = r * width; at < (r + 1) * width; at += 1) {
        const p0 = Math.exp(logP0[at]);
        sum += p0 * (logP0[at] - logProbabilities[at]);
        gradient[at] = weights.floats[r] * (Math.exp(logProbabilities[at]) - p0);
      }
      loss[r] = sum;
    }
    return { loss: Tensor.fromData(loss, [rows]), gradient: Tensor.fromData(gradient, [rows, width]) };
  }

  async logSoftmax(logits: Tensor): Promise<Tensor> {
    return Tensor.fromData(Float32Array.from(logSoftmaxRows(logits)), logits.dims);
  }

  async gatherRows(source: Tensor, indices: Tensor): Promise<Tensor> {
    const width = source.dims[1];
    const rows = source.floats;
    const gathered = new Float32Array(indices.size * width);
    indices.data.forEach((index, i) => gathered.set(rows.subarray(index * width, (index + 1) * width), i * width));
    return Tensor.fromData(gathered, [indices.size, width]);
  }

  async scatterAddRows(target: Tensor, indices: Tensor, rows: Tensor, alpha = 1): Promise<void> {
    const width = target.dims[1];
    const out = target.floats;
    const values = rows.floats;
    indices.data.forEach((index, i) => {
      for (let d = 0; d < width; d += 1) out[index * width + d] += alpha * values[i * width + d];
    });
  }

  async adamStep(state: AdamState, gradient: Tensor, options: AdamStepOptions): Promise<void> {
    const { step, learningRate, decay, maxNorm } = options;
    const [count, width] = gradient.dims;
    const correction1 = 1 - BETA1 ** step;
    const correction2 = Math.sqrt(1 - BETA2 ** step);
    for (let e = 0; e < count; e += 1) {
      const row = ({ floats }: Tensor): Float32Array => floats.subarray(e * width, (e + 1) * width);
      const delta = row(state.delta);
      const first = row(state.firstMoment);
      const second = row(state.secondMoment);
      const g = row(gradient);
      const norm = euclidean(delta);
      const pull = norm > 0 ? decay.floats[e] / norm : 0;
      for (let d = 0; d < width; d += 1) {
        const total = g[d] + pull * delta[d];
        first[d] = BETA1 * first[d] + (1 - BETA1) * total;
        second[d] = BETA2 * second[d] + (1 - BETA2) * total * total;
        delta[d] -= ((learningRate / correction1) * first[d]) / (Math.sqrt(second[d]) / correction2 + EPSILON);
      }
      const stepped = euclidean(delta);
      const limit = maxNorm.floats[e];
      if (stepped > limit) for (let d = 0; d < width; d += 1) delta[d] *= limit / stepped;
    }
  }

  async rowNorms(x: Tensor): Promise<Tensor> {
    const [rows, width] = x.dims;
    const norms = Float32Array.from({ length: rows }, (_, r) =>
      euclidean(x.floats.subarray(r * width, (r + 1) * width)),
    );
    return Tensor.fromData(norms, [rows]);
  }

  async addScaled(a: Tensor, alpha: number, b: Tensor, beta: number): Promise<Tensor> {
    const left = a.floats;
    const right = b.floats;
    return Tensor.fromData(
      left.map((value, i) => alpha * value + beta * right[i]),
      a.dims,
    );
  }

  async norm(x: Tensor): Promise<number> {
    return euclidean(x.floats);
  }
}

interface Rows {
  readonly data: Float64Array;
  readonly rows: number;
  readonly columns: number;
}

function widened({ floats, dims: [rows, columns] }: Tensor): Rows {
  return { data: Float64Array.from(floats), rows, columns };
}

function transposed({ floats, dims: [rows, columns] }: Tensor): Rows {
  const data = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i += 1) for (let j = 0; j < columns; j += 1) data[j * rows + i] = floats[i * columns + j];
  return { data, rows: columns, columns: rows };
}

/** Four sums at once: the additions of one would wait for each other. */
function dot(a: Float64Array, aStart: number, b: Float64Array, bStart: number, length: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    s0 += a[aStart + i] * b[bStart + i];
    s1 += a[aStart + i + 1] * b[bStart + i + 1];
    s2 += a[aStart + i + 2] * b[bStart + i + 2];
    s3 += a[aStart + i + 3] * b[bStart + i + 3];
  }
  for (; i < length; i += 1) s0 += a[aStart + i] * b[bStart + i];
  return s0 + s1 + s2 + s3;
}

function euclidean(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}

/** Lower Cholesky factor in place, zeros above the diagonal. */
function factor(a: Float64Array, size: number): void {
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j < i; j += 1) {
      a[i * size + j] = (a[i * size + j] - dot(a, i * size, a, j * size, j)) / a[j * size + j];
    }
    const pivot = a[i * size + i] - dot(a, i * size, a, i * size, i);
    if (!(pivot > 0)) throw new NotPositiveDefiniteError(i);
    a[i * size + i] = Math.sqrt(pivot);
    a.fill(0, i * size + i + 1, (i + 1) * size);
  }
}

function solveForward(l: Float64Array, x: Float64Array, size: number): void {
  for (let i = 0; i < size; i += 1) x[i] = (x[i] - dot(l, i * size, x, 0, i)) / l[i * size + i];
}

/** Column by column: L is read along its rows. */
function solveBackward(l: Float64Array, x: Float64Array, size: number): void {
  for (let i = size - 1; i >= 0; i -= 1) {
    x[i] /= l[i * size + i];
    const value = x[i];
    for (let j = 0; j < i; j += 1) x[j] -= l[i * size + j] * value;
  }
}

function residualOf(matrix: Float64Array, solution: Float64Array, keys: Float64Array, size: number): Float64Array {
  return keys.map((key, at) => {
    const row = Math.floor(at / size);
    return key - dot(matrix, (at % size) * size, solution, row * size, size);
  });
}

function logSoftmaxRows(logits: Tensor): Float64Array {
  const [rows, width] = logits.dims;
  const values = logits.floats;
  const result = new Float64Array(rows * width);
  for (let r = 0; r < rows; r += 1) {
    let peak = -Infinity;
    for (let v = r * width; v < (r + 1) * width; v += 1) if (values[v] > peak) peak = values[v];
    let sum = 0;
    for (let v = r * width; v < (r + 1) * width; v += 1) sum += Math.exp(values[v] - peak);
    const normalizer = peak + Math.log(sum);
    for (let v = r * width; v < (r + 1) * width; v += 1) result[v] = values[v] - normalizer;
  }
  return result;
}
