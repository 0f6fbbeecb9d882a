/** Low-rank changes of output projections. */
import { projectionOf } from '../../../src/engine/families/family.ts';
import type { LanguageModel } from '../../../src/engine/model/language-model.ts';
import { EditedWeights } from '../../../src/engine/model/weight-set.ts';
import { deltaMatrix } from '../../../src/engine/patches/apply.ts';
import type { Tensor } from '../../../src/engine/runtime/tensor.ts';
import { randomFloats } from '../weights/support.ts';

/** ΔW = leftᵀ·right, [D, F], of a layer's projection. */
export interface LayerDelta {
  readonly layer: number;
  /** [rank, D] */
  readonly left: readonly (readonly number[])[];
  /** [rank, F] */
  readonly right: readonly (readonly number[])[];
}

export function randomDelta({ config }: LanguageModel, layer: number): LayerDelta {
  const factor = (size: number, seed: number): number[][] =>
    [0, 1].map((row) => [...randomFloats(size, 100 * seed + 10 * layer + row)]);
  return { layer, left: factor(config.hiddenSize, 1), right: factor(config.intermediateSize, 2) };
}

/** The model's weights with `deltas` added; the caller disposes them. */
export async function withDeltas(model: LanguageModel, deltas: readonly LayerDelta[]): Promise<EditedWeights> {
  const weights = new EditedWeights(model.weights);
  for (const { layer, left, right } of deltas) {
    const { tensor, fanInFanOut } = projectionOf(model.family, layer, 'mlp-output');
    const matrix = await deltaMatrix(model.linalg, {
      kind: 'low-rank',
      tensor,
      fanInFanOut,
      rank: left.length,
      outSize: left[0].length,
      inSize: right[0].length,
      left: Float32Array.from(left.flat()),
      right: Float32Array.from(right.flat()),
    });
    weights.replace(tensor, await model.linalg.addScaled(weights.get(tensor), 1, matrix, 1));
  }
  return weights;
}

/** key·ΔWᵀ for every key of [..., F]: what the edit adds to the projection's output, in double precision. */
export function addedByDelta(keys: Tensor, { left, right }: LayerDelta): Float64Array {
  const inSize = right[0].length;
  const outSize = left[0].length;
  const added = new Float64Array((keys.size / inSize) * outSize);
  for (let token = 0; token * inSize < keys.size; token += 1) {
    const key = keys.floats.subarray(token * inSize, (token + 1) * inSize);
    for (const [row, values] of right.entries()) {
      const match = values.reduce((sum, value, f) => sum + value * key[f], 0);
      for (let d = 0; d < outSize; d += 1) added[token * outSize + d] += match * left[row][d];
    }
  }
  return added;
}
