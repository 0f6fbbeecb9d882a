/**
 * The numerical operations of editing, over tensors of one device. Two implementations keep one contract: `CpuLinearAlgebra`
 * computes in double precision (the oracle, and the product where there is no GPU); `WebGpuLinearAlgebra` runs the WGSL kernels.
 *
 * Matrices are row-major float32. Results are new tensors the caller disposes, unless a method says "in place". Operands of other
 * shapes or types than described are refused with a GraphError, and so is a tensor that is written and read at once.
 * Shapes: u = edits, F = MLP intermediate size, D = hidden size, V = vocabulary, n = rows.
 */
import type { Job } from '../job.ts';
import type { Device } from '../runtime/device.ts';
import type { Tensor } from '../runtime/tensor.ts';

export interface MatmulOptions {
  /** Use Aᵀ: `a` is stored [k, m]. */
  transposeA?: boolean;
  /** Use Bᵀ: `b` is stored [n, k]. */
  transposeB?: boolean;
  /** Factor on the product; 1 when absent. */
  alpha?: number;
  /** Add to this [m, n] tensor in place and return it, instead of making a new one. */
  accumulateInto?: Tensor;
}

export interface RegularizedSolve {
  /** A, stored one row per right-hand side: [u, F]. */
  solution: Tensor;
  /** ‖(λC + KᵀK)Aᵀ − Kᵀ‖ / ‖K‖ (Frobenius) after the last refinement, before A is rounded to float32. */
  relativeResidual: number;
  /** The relative residual before refinement and after each sweep. */
  residualHistory: number[];
}

/** The Cholesky factor of a covariance, for solves with any λ and any keys; of the implementation that made it. */
export interface CovarianceFactor {
  dispose(): void;
}

/** The state of Adam over one vector per edit; all three are [u, D] and are updated in place. */
export interface AdamState {
  readonly delta: Tensor;
  readonly firstMoment: Tensor;
  readonly secondMoment: Tensor;
}

/** Constants of Adam, as torch.optim.Adam has them by default. */
export const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

export interface AdamStepOptions {
  /** 1 for the first step (bias correction). */
  step: number;
  learningRate: number;
  /** Per edit: weight_decay / ‖h0‖², so that the decay term is decay·‖δ‖ and its gradient decay·δ/‖δ‖ (0 at δ = 0). [u] */
  decay: Tensor;
  /** Per edit: the norm δ is scaled back to when it is exceeded, clamp·‖h0‖. [u] */
  maxNorm: Tensor;
}

/** Row-wise losses [n] and the gradient of Σ weight·loss with respect to the logits [n, V]. */
export interface LossAndGradient {
  loss: Tensor;
  gradient: Tensor;
}

export interface LinearAlgebra {
  readonly device: Device;

  /** alpha · op(A) · op(B): [m, k] × [k, n] → [m, n]. */
  matmul(a: Tensor, b: Tensor, options?: MatmulOptions): Promise<Tensor>;

  /** C ← C + XᵀX in place, for X [n, F] and symmetric C [F, F]; both halves are written. */
  addGram(c: Tensor, x: Tensor): Promise<void>;

  /** The lower factor L with A = LLᵀ, zeros above the diagonal. Throws NotPositiveDefiniteError with the pivot's index. */
  cholesky(a: Tensor): Promise<Tensor>;

  /** X with L·X = B, or Lᵀ·X = B when `transpose`. L is [n, n] lower, B is [n, m]. */
  solveTriangular(l: Tensor, b: Tensor, transpose?: boolean): Promise<Tensor>;

  /** Factors C [F, F] once for many {@link solveRegularized}. Throws NotPositiveDefiniteError, and CancelledError where it takes long. */
  factorCovariance(covariance: Tensor, job?: Job): Promise<CovarianceFactor>;

  /**
   * The rows a_e with (λC + KᵀK) a_e = k_e, for K [u, F] (one key per row) and C [F, F]. MEMIT's update is Δ = RᵀA with these rows:
   * equation 14 of Meng et al., "Mass-Editing Memory in a Transformer" (2023), Δ = RKᵀ(C₀ + KKᵀ)⁻¹ with keys in columns and C₀ = λC,
   * solved for as `adj_k` in memit/memit_main.py of the reference (kmeng01/memit).
   * With the factor of C, nothing of size F is factored: A = (λC)⁻¹K(1 + Kᵀ(λC)⁻¹K)⁻¹ in columns (Woodbury's identity), then refined as
   * without it; where float32 is too coarse for that, the factor is left aside. Throws NotPositiveDefiniteError, and CancelledError where a factorisation takes long.
   */
  solveRegularized(
    covariance: Tensor,
    covarianceWeight: number,
    keys: Tensor,
    factor?: CovarianceFactor | null,
    job?: Job,
  ): Promise<RegularizedSolve>;

  /** Cross entropy −log softmax(logits)[target] per row (unweighted), gradient of Σ weight·loss. targets int32 [n], weights [n]. */
  crossEntropy(logits: Tensor, targets: Tensor, weights: Tensor): Promise<LossAndGradient>;

  /**
   * KL(p ‖ p₀) per row (unweighted), p = softmax(logits), gradient of Σ weight·KL; `reference` holds log p₀ [n, V].
   * The direction is that of the reference, whose kl_div gets log p₀ as its input and log p as its target (memit/compute_z.py).
   */
  klDivergence(logits: Tensor, reference: Tensor, weights: Tensor): Promise<LossAndGradient>;

  /** log softmax over the last axis: [n, V] → [n, V]. */
  logSoftmax(logits: Tensor): Promise<Tensor>;

  /** rows[i] = source[indices[i]]: [n, d] and int32 [m] → [m, d]. Every index must be in 0..n−1. */
  gatherRows(source: Tensor, indices: Tensor): Promise<Tensor>;

  /** target[indices[i]] += alpha · rows[i], in place; indices may repeat. target [n, d], rows [m, d], indices int32 [m]. */
  scatterAddRows(target: Tensor, indices: Tensor, rows: Tensor, alpha?: number): Promise<void>;

  /** target[i, start + j] = columns[i, j], in place. target [n, d], columns [n, m], start + m ≤ d. */
  writeColumns(target: Tensor, start: number, columns: Tensor): Promise<void>;

  /**
   * One step of Adam ({@link ADAM}) per row, in place, with the weight decay and the projection that memit/compute_z.py of the reference
   * adds to it.
   */
  adamStep(state: AdamState, gradient: Tensor, options: AdamStepOptions): Promise<void>;

  /** Euclidean norm of every row: [n, d] → [n]. */
  rowNorms(x: Tensor): Promise<Tensor>;

  /** alpha·A + beta·B, element by element. */
  addScaled(a: Tensor, alpha: number, b: Tensor, beta: number): Promise<Tensor>;

  /** Frobenius norm. */
  norm(x: Tensor): Promise<number>;
}
