/** What both implementations share: operands are checked here, and handed on with their shapes. */
import type { Job } from '../job.ts';
import type { Device } from '../runtime/device.ts';
import type { Tensor } from '../runtime/tensor.ts';
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
  adamShape,
  type ColumnsShape,
  columnsShape,
  gatherShape,
  gramShape,
  type IndexedRowsShape,
  lossShape,
  matmulShape,
  matrixShape,
  type ProductShape,
  regularizedShape,
  type RowsShape,
  sameShape,
  scatterShape,
  squareSize,
  type SystemShape,
  triangularShape,
} from './shapes.ts';

/** A `compute…` method does what the interface says of the operation it is named after; its operands are known to fit. */
export abstract class CheckedLinearAlgebra implements LinearAlgebra {
  abstract readonly device: Device;

  async matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Promise<Tensor> {
    return this.computeMatmul(a, b, options, matmulShape(a, b, options));
  }

  async addGram(c: Tensor, x: Tensor): Promise<void> {
    return this.computeAddGram(c, x, gramShape(c, x));
  }

  async cholesky(a: Tensor): Promise<Tensor> {
    return this.computeCholesky(a, squareSize('cholesky', a));
  }

  async solveTriangular(l: Tensor, b: Tensor, transpose = false): Promise<Tensor> {
    return this.computeSolveTriangular(l, b, transpose, triangularShape(l, b));
  }

  async factorCovariance(covariance: Tensor, job: Job = {}): Promise<CovarianceFactor> {
    return this.computeFactorCovariance(covariance, squareSize('factorCovariance', covariance), job);
  }

  async solveRegularized(
    covariance: Tensor,
    covarianceWeight: number,
    keys: Tensor,
    factor: CovarianceFactor | null = null,
    job: Job = {},
  ): Promise<RegularizedSolve> {
    const shape = regularizedShape(covariance, keys);
    return this.computeSolveRegularized(covariance, covarianceWeight, keys, factor, shape, job);
  }

  async crossEntropy(logits: Tensor, targets: Tensor, weights: Tensor): Promise<LossAndGradient> {
    const shape = lossShape('crossEntropy', logits, { targets, weights });
    return this.computeCrossEntropy(logits, targets, weights, shape);
  }

  async klDivergence(logits: Tensor, reference: Tensor, weights: Tensor): Promise<LossAndGradient> {
    const shape = lossShape('klDivergence', logits, { reference, weights });
    return this.computeKlDivergence(logits, reference, weights, shape);
  }

  async logSoftmax(logits: Tensor): Promise<Tensor> {
    return this.computeLogSoftmax(logits, lossShape('logSoftmax', logits));
  }

  async gatherRows(source: Tensor, indices: Tensor): Promise<Tensor> {
    return this.computeGatherRows(source, indices, gatherShape(source, indices));
  }

  async scatterAddRows(target: Tensor, indices: Tensor, rows: Tensor, alpha = 1): Promise<void> {
    return this.computeScatterAddRows(target, indices, rows, alpha, scatterShape(target, indices, rows));
  }

  async writeColumns(target: Tensor, start: number, columns: Tensor): Promise<void> {
    return this.computeWriteColumns(target, start, columns, columnsShape(target, start, columns));
  }

  async adamStep(state: AdamState, gradient: Tensor, options: AdamStepOptions): Promise<void> {
    return this.computeAdamStep(state, gradient, options, adamShape(state, gradient, options));
  }

  async rowNorms(x: Tensor): Promise<Tensor> {
    const [rows, width] = matrixShape('rowNorms', x);
    return this.computeRowNorms(x, { rows, width });
  }

  async addScaled(a: Tensor, alpha: number, b: Tensor, beta: number): Promise<Tensor> {
    sameShape('addScaled', a, b);
    return this.computeAddScaled(a, alpha, b, beta);
  }

  abstract norm(x: Tensor): Promise<number>;

  protected abstract computeMatmul(a: Tensor, b: Tensor, options: MatmulOptions, shape: ProductShape): Promise<Tensor>;

  protected abstract computeAddGram(c: Tensor, x: Tensor, shape: SystemShape): Promise<void>;

  protected abstract computeCholesky(a: Tensor, size: number): Promise<Tensor>;

  protected abstract computeSolveTriangular(
    l: Tensor,
    b: Tensor,
    transpose: boolean,
    shape: SystemShape,
  ): Promise<Tensor>;

  protected abstract computeFactorCovariance(covariance: Tensor, size: number, job: Job): Promise<CovarianceFactor>;

  protected abstract computeSolveRegularized(
    covariance: Tensor,
    covarianceWeight: number,
    keys: Tensor,
    factor: CovarianceFactor | null,
    shape: SystemShape,
    job: Job,
  ): Promise<RegularizedSolve>;

  protected abstract computeCrossEntropy(
    logits: Tensor,
    targets: Tensor,
    weights: Tensor,
    shape: RowsShape,
  ): Promise<LossAndGradient>;

  protected abstract computeKlDivergence(
    logits: Tensor,
    reference: Tensor,
    weights: Tensor,
    shape: RowsShape,
  ): Promise<LossAndGradient>;

  protected abstract computeLogSoftmax(logits: Tensor, shape: RowsShape): Promise<Tensor>;

  protected abstract computeGatherRows(source: Tensor, indices: Tensor, shape: IndexedRowsShape): Promise<Tensor>;

  protected abstract computeScatterAddRows(
    target: Tensor,
    indices: Tensor,
    rows: Tensor,
    alpha: number,
    shape: IndexedRowsShape,
  ): Promise<void>;

  protected abstract computeWriteColumns(
    target: Tensor,
    start: number,
    columns: Tensor,
    shape: ColumnsShape,
  ): Promise<void>;

  protected abstract computeAdamStep(
    state: AdamState,
    gradient: Tensor,
    options: AdamStepOptions,
    shape: RowsShape,
  ): Promise<void>;

  protected abstract computeRowNorms(x: Tensor, shape: RowsShape): Promise<Tensor>;

  protected abstract computeAddScaled(a: Tensor, alpha: number, b: Tensor, beta: number): Promise<Tensor>;
}
