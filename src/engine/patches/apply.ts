/** Patches laid over a model's weights: base + Σ of their deltas, in order. The base is never written to. */
import type { LinearAlgebra } from '../linalg/linear-algebra.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { EditedWeights } from '../model/weight-set.ts';
import { scoped } from '../runtime/scope.ts';
import type { Tensor } from '../runtime/tensor.ts';
import type { Patch } from './patch.ts';
import { weightShape, type WeightDelta } from './weight-delta.ts';

/** The model's weights with `patches` added in order; the caller disposes them. */
export async function applyPatches(model: LanguageModel, patches: readonly Patch[]): Promise<EditedWeights> {
  const weights = new EditedWeights(model.weights);
  try {
    for (const { deltas } of patches) await addDeltas(model, weights, deltas);
    return weights;
  } catch (error) {
    weights.dispose();
    throw error;
  }
}

export async function addDeltas(
  model: LanguageModel,
  weights: EditedWeights,
  deltas: readonly WeightDelta[],
): Promise<void> {
  for (const delta of deltas) {
    await scoped(async (scope) => {
      const matrix = scope.track(await deltaMatrix(model.linalg, delta));
      const weight = scope.track(await model.floatWeight(weights, delta.tensor));
      weights.replace(delta.tensor, await model.linalg.addScaled(weight, 1, matrix, 1));
    });
  }
}

/** What a delta adds, in the weight's own shape and orientation; the caller's. */
export async function deltaMatrix(linalg: LinearAlgebra, delta: WeightDelta): Promise<Tensor> {
  const { device } = linalg;
  if (delta.kind === 'dense') return device.upload(delta.values, weightShape(delta), delta.tensor);
  const { left, right, rank, outSize, inSize, fanInFanOut } = delta;
  return scoped(async (scope) => {
    const l = scope.track(device.upload(left, [rank, outSize]));
    const r = scope.track(device.upload(right, [rank, inSize]));
    return factorProduct(linalg, l, r, fanInFanOut);
  });
}

/** leftᵀ·right for left [u, D] and right [u, F]: [D, F], or transposed with `fanInFanOut`. */
export function factorProduct(
  linalg: LinearAlgebra,
  left: Tensor,
  right: Tensor,
  fanInFanOut: boolean,
): Promise<Tensor> {
  return fanInFanOut
    ? linalg.matmul(right, left, { transposeA: true })
    : linalg.matmul(left, right, { transposeA: true });
}
