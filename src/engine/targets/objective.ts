/**
 * What a target is judged by (Meng et al. 2022, section 3.1, equation 4; reference: memit/compute_z.py): the new object's log-probability in
 * all contexts, and how far the distribution after "{subject} is a" moves. Knows nothing of how the last hidden states came
 * about, so that every search for a state or a weight can use it.
 */
import type { LanguageModel } from '../model/language-model.ts';
import type { WeightSet } from '../model/weight-set.ts';
import { readFloats } from '../runtime/device.ts';
import { scoped } from '../runtime/scope.ts';
import type { Tensor } from '../runtime/tensor.ts';

/** A row of last hidden states and what is read from it. */
export interface ObjectiveRow {
  /** Which of the edits it belongs to, 0 … edits − 1. */
  readonly edit: number;
  /** Where the object's tokens are predicted, and what each of them counts; none in a row of the KL prompt. */
  readonly predictions: readonly { readonly position: number; readonly target: number; readonly weight: number }[];
  /** Where the KL prompt is read; null in other rows. An edit has one such row, and edits come in order. */
  readonly klPosition: number | null;
}

export interface ObjectiveTerms {
  /** Per edit: weighted negative log-likelihood of the object's tokens. */
  readonly nll: readonly number[];
  /** Per edit: klFactor · KL(p_δ ‖ p₀). */
  readonly kl: readonly number[];
  /** Of the sum of all terms, with respect to the hidden states: [rows, length, D]; the caller's. */
  readonly gradient: Tensor;
  /** log p₀ of the KL rows, [edits, V]: what was given, or what is computed here at the first evaluation; the caller's. */
  readonly klReference: Tensor;
}

/**
 * @param hidden last hidden states, [rows, length, D]
 * @param klReference log p₀ [edits, V]; null to take the present distributions for it
 */
export async function evaluateObjective(
  model: LanguageModel,
  weights: WeightSet,
  hidden: Tensor,
  rows: readonly ObjectiveRow[],
  edits: number,
  klFactor: number,
  klReference: Tensor | null,
): Promise<ObjectiveTerms> {
  const { linalg, runtime } = model;
  const { device } = runtime;
  const [count, length, width] = hidden.dims;
  const flat = hidden.reshaped([count * length, width]);
  const predictions = rows.flatMap(({ edit, predictions: own }, r) =>
    own.map(({ position, target, weight }) => ({ edit, at: r * length + position, target, weight })),
  );
  const klPositions = rows.flatMap(({ klPosition }, r) => (klPosition === null ? [] : [r * length + klPosition]));

  return scoped(async (scope) => {
    const integers = (values: readonly number[]): Tensor =>
      scope.track(device.upload(Int32Array.from(values), [values.length]));
    const floats = (values: readonly number[]): Tensor =>
      scope.track(device.upload(Float32Array.from(values), [values.length]));
    const gradient = scope.track(device.zeros(flat.dims));

    const position = integers(predictions.map(({ at }) => at));
    const predicted = scope.track(await linalg.gatherRows(flat, position));
    const logits = scope.track(await model.logits(weights, predicted));
    const nll = await linalg.crossEntropy(
      logits,
      integers(predictions.map(({ target }) => target)),
      floats(predictions.map(({ weight }) => weight)),
    );
    scope.track(nll.loss);
    scope.track(nll.gradient);
    const predictedGradient = scope.track(await model.logitsGradient(weights, predicted, nll.gradient));
    await linalg.scatterAddRows(gradient, position, predictedGradient);

    const klPosition = integers(klPositions);
    const klHidden = scope.track(await linalg.gatherRows(flat, klPosition));
    const klLogits = scope.track(await model.logits(weights, klHidden));
    const reference = klReference ?? scope.track(await linalg.logSoftmax(klLogits));
    const kl = await linalg.klDivergence(klLogits, reference, floats(klPositions.map(() => klFactor)));
    scope.track(kl.loss);
    scope.track(kl.gradient);
    const klGradient = scope.track(await model.logitsGradient(weights, klHidden, kl.gradient));
    await linalg.scatterAddRows(gradient, klPosition, klGradient);

    const nllValues = await readFloats(device, nll.loss);
    const klValues = await readFloats(device, kl.loss);
    const nllOf = new Array<number>(edits).fill(0);
    predictions.forEach(({ edit, weight }, i) => (nllOf[edit] += weight * nllValues[i]));
    return {
      nll: nllOf,
      kl: Array.from(klValues, (value) => klFactor * value),
      gradient: scope.release(gradient).intoShape(hidden.dims),
      klReference: klReference ?? scope.release(reference),
    };
  });
}
