/**
 * Linear algebra in double precision: the oracle of the GPU kernels, and the product where there is no GPU. Tensors stay
 * float32; every sum is taken in float64.
 */
import type { Job } from '../job.ts';
import { GraphError } from '../errors.ts';
import type { CpuDevice } from '../runtime/device.ts';
import { Tensor } from '../runtime/tensor.ts';
import { CheckedLinearAlgebra } from './checked-linear-algebra.ts';
import { CpuCovarianceFactor, solveRegularized } from './cpu/regularized-solve.ts';
import {
  addProducts,
  allRows,
  backwardSteps,
  euclidean,
  factorSteps,
  forwardSteps,
  inOneGo,
  inTurns,
  lowerGramSteps,
  mirrorLower,
  transposed,
} from './dense.ts';
import {
  ADAM,
  type AdamState,
  type AdamStepOptions,
  type CovarianceFactor,
  type LossAndGradient,
  type MatmulOptions,
  type RegularizedSolve,
} from './linear-algebra.ts';
import type { ColumnsShape, IndexedRowsShape, ProductShape, RowsShape, SystemShape } from './shapes.ts';

export class CpuLinearAlgebra extends CheckedLinearAlgebra {
  override readonly device: CpuDevice;

  constructor(device: CpuDevice) {
    super();
    this.device = device;
  }

  protected override async computeMatmul(
    a: Tensor,
    b: Tensor,
    options: MatmulOptions,
    { m, n, k }: ProductShape,
  ): Promise<Tensor> {
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

  protected override async computeAddGram(c: Tensor, x: Tensor, { count, size }: SystemShape): Promise<void> {
    const sum = Float64Array.from(c.floats);
    inOneGo(lowerGramSteps(sum, x.floats, count, size));
    mirrorLower(sum, size);
    c.floats.set(sum);
  }

  protected override async computeCholesky(a: Tensor, size: number): Promise<Tensor> {
    const l = Float64Array.from(a.floats);
    inOneGo(factorSteps(l, size));
    for (let i = 0; i < size; i += 1) l.fill(0, i * size + i + 1, (i + 1) * size);
    return Tensor.fromData(Float32Array.from(l), [size, size]);
  }

  protected override async computeSolveTriangular(
    l: Tensor,
    b: Tensor,
    transpose: boolean,
    { size, count }: SystemShape,
  ): Promise<Tensor> {
    const factors = Float64Array.from(l.floats);
    mirrorLower(factors, size);
    const rows = transposed(b.floats, size, count);
    inOneGo((transpose ? backwardSteps : forwardSteps)(factors, rows, count, size));
    return Tensor.fromData(Float32Array.from(transposed(rows, count, size)), [size, count]);
  }

  protected override async computeFactorCovariance(
    covariance: Tensor,
    size: number,
    job: Job,
  ): Promise<CovarianceFactor> {
    const l = Float64Array.from(covariance.floats);
    await inTurns(factorSteps(l, size), job);
    return new CpuCovarianceFactor(l);
  }

  protected override async computeSolveRegularized(
    covariance: Tensor,
    covarianceWeight: number,
    keys: Tensor,
    known: CovarianceFactor | null,
    shape: SystemShape,
    job: Job,
  ): Promise<RegularizedSolve> {
    return solveRegularized(
      shape,
      covariance.floats,
      covarianceWeight,
      keys.floats,
      known as CpuCovarianceFactor | null,
      job,
    );
  }

  protected override async computeCrossEntropy(
    logits: Tensor,
    targets: Tensor,
    weights: Tensor,
    { rows, width }: RowsShape,
  ): Promise<LossAndGradient> {
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

  protected override async computeKlDivergence(
    logits: Tensor,
    reference: Tensor,
    weights: Tensor,
    { rows, width }: RowsShape,
  ): Promise<LossAndGradient> {
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

  protected override async computeLogSoftmax(logits: Tensor, { rows, width }: RowsShape): Promise<Tensor> {
    return Tensor.fromData(Float32Array.from(logSoftmaxRows(logits.floats, rows, width)), [rows, width]);
  }

  protected override async computeGatherRows(
    source: Tensor,
    indices: Tensor,
    { height, width, count }: IndexedRowsShape,
  ): Promise<Tensor> {
    const gathered = new Float32Array(count * width);
    for (let i = 0; i < count; i += 1) {
      const index = indices.data[i];
      expectIndex('gatherRows', index, height);
      gathered.set(source.floats.subarray(index * width, (index + 1) * width), i * width);
    }
    return Tensor.fromData(gathered, [count, width]);
  }

  protected override async computeScatterAddRows(
    target: Tensor,
    indices: Tensor,
    rows: Tensor,
    alpha: number,
    { height, width, count }: IndexedRowsShape,
  ): Promise<void> {
    indices.data.forEach((index) => expectIndex('scatterAddRows', index, height));
    const values = rows.floats;
    const sums = Float64Array.from(target.floats);
    for (let i = 0; i < count; i += 1) {
      const start = indices.data[i] * width;
      for (let d = 0; d < width; d += 1) sums[start + d] += alpha * values[i * width + d];
    }
    target.floats.set(sums);
  }

  protected override async computeWriteColumns(
    target: Tensor,
    start: number,
    columns: Tensor,
    { height, targetWidth, width }: ColumnsShape,
  ): Promise<void> {
    const values = columns.floats;
    for (let i = 0; i < height; i += 1) {
      target.floats.set(values.subarray(i * width, (i + 1) * width), i * targetWidth + start);
    }
  }

  protected override async computeAdamStep(
    state: AdamState,
    gradient: Tensor,
    options: AdamStepOptions,
    { rows, width }: RowsShape,
  ): Promise<void> {
    const { beta1, beta2, epsilon } = ADAM;
    const stepSize = options.learningRate / (1 - beta1 ** options.step);
    const correction = Math.sqrt(1 - beta2 ** options.step);
    for (let e = 0; e < rows; e += 1) {
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

  protected override async computeRowNorms(x: Tensor, { rows, width }: RowsShape): Promise<Tensor> {
    const norms = Float32Array.from({ length: rows }, (_, r) =>
      euclidean(x.floats.subarray(r * width, (r + 1) * width)),
    );
    return Tensor.fromData(norms, [rows]);
  }

  protected override async computeAddScaled(a: Tensor, alpha: number, b: Tensor, beta: number): Promise<Tensor> {
    const right = b.floats;
    return Tensor.fromData(
      a.floats.map((value, i) => alpha * value + beta * right[i]),
      a.dims,
    );
  }

  override async norm(x: Tensor): Promise<number> {
    return euclidean(x.floats);
  }
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
