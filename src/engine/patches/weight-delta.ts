/**
 * What an edit adds to one weight, whatever method made it: as two thin factors, or whole. ΔW is in the orientation [D, F] of
 * nn.Linear (D outputs, F inputs) unless the weight is stored the other way round.
 */

/** ΔW = Σ left[e] ⊗ right[e] over the rank, i.e. leftᵀ·right, [D, F]; with MEMIT, one pair of rows an edit. */
export interface LowRankDelta {
  readonly kind: 'low-rank';
  /** The weight's name in the model's files. */
  readonly tensor: string;
  /** True when the weight is stored [F, D] (GPT-2's Conv1D): what is added is then ΔWᵀ. */
  readonly fanInFanOut: boolean;
  /** u */
  readonly rank: number;
  /** D */
  readonly outSize: number;
  /** F */
  readonly inSize: number;
  /** [u, D] */
  readonly left: Float32Array;
  /** [u, F] */
  readonly right: Float32Array;
}

/** Added as it is. */
export interface DenseDelta {
  readonly kind: 'dense';
  readonly tensor: string;
  /** The weight's, as stored. */
  readonly shape: readonly number[];
  /** Row-major, in the weight's orientation. */
  readonly values: Float32Array;
}

export type WeightDelta = LowRankDelta | DenseDelta;

/** Whether a delta of rank u takes less room whole than as factors: u (D + F) > D·F. */
export function isSmallerDense(rank: number, outSize: number, inSize: number): boolean {
  return rank * (outSize + inSize) > outSize * inSize;
}

/** The shape of the weight that the delta is added to, as stored. */
export function weightShape(delta: WeightDelta): readonly number[] {
  if (delta.kind === 'dense') return delta.shape;
  const { fanInFanOut, outSize, inSize } = delta;
  return fanInFanOut ? [inSize, outSize] : [outSize, inSize];
}
