/**
 * Spreading the edits over the layers (Meng et al. 2023, sections 4.2 and 4.3, equation 14 and algorithm 1; reference: memit_main.execute_memit and
 * compute_ks.py): at every layer, ascending, the keys and the remaining residual are measured anew with the earlier updates in
 * place, and ΔW = R Aᵀ with A = (λC + KKᵀ)⁻¹K.
 */
import { EngineError } from '../../errors.ts';
import { projectionOf } from '../../families/family.ts';
import { batchesByLength, batchOf, forwardRows, gatherTokens } from '../../model/forward.ts';
import { BLOCK_OUTPUTS } from '../../model/graphs.ts';
import type { LanguageModel } from '../../model/language-model.ts';
import type { EditedWeights, WeightSet } from '../../model/weight-set.ts';
import { readFloats } from '../../runtime/device.ts';
import { scoped, type TensorScope } from '../../runtime/scope.ts';
import type { Tensor } from '../../runtime/tensor.ts';
import { checkpoint, type Job } from '../../job.ts';
import { factorProduct } from '../../patches/apply.ts';
import { isSmallerDense, type WeightDelta } from '../../patches/weight-delta.ts';
import type { LayerStatistics } from '../../statistics/covariances.ts';
import type { EditPrompts } from '../../targets/prompts.ts';
import type { EditResidual, LayerOutcome } from '../report.ts';
import type { MemitSettings } from './settings.ts';

/** With more edits than the matrix is wide divided by this, factoring the whole system costs less than going by the factor of C. */
const FACTOR_GAIN = 4;

/** ‖K − (λC + KKᵀ)A‖ / ‖K‖ above which ΔW would be off by more than the tolerance it is held to (docs/fidelity.md). */
const MOST_RESIDUAL = 1e-3;

/** A prompt cut after its look-up token: later tokens cannot change what is read there. */
interface LookupRow {
  readonly edit: number;
  readonly ids: readonly number[];
  /** What the row weighs in its edit's key. */
  readonly weight: number;
}

/**
 * Updates the projections of `settings.layers` in `weights`, which then hold the edited matrices.
 * @param targets z per edit, [D] each
 * @param statistics C of a layer, [F, F], and its factor where it is at hand; they stay the caller's
 */
export async function spreadUpdates(
  model: LanguageModel,
  weights: EditedWeights,
  prompts: readonly EditPrompts[],
  targets: readonly Float32Array[],
  { covarianceOf, factorOf }: LayerStatistics,
  settings: MemitSettings,
  job: Job,
  onLayer: (outcome: LayerOutcome) => void,
): Promise<{ deltas: WeightDelta[]; outcomes: LayerOutcome[]; residuals: EditResidual[] }> {
  const { device } = model.runtime;
  const { hiddenSize, intermediateSize } = model.config;
  const lastLayer = settings.layers[settings.layers.length - 1];
  const plain = prompts.map(({ contexts: [first] }, edit) => lookupRow(first, edit, 1));
  const keyRows = prompts.flatMap(({ contexts }, edit) =>
    contexts.map((context, c) => lookupRow(context, edit, contextWeight(c, contexts.length))),
  );
  const deltas: WeightDelta[] = [];
  const outcomes: LayerOutcome[] = [];
  /** ‖z − h‖ of every edit before each layer's change, and after the last one. */
  const norms: Float32Array[] = [];
  const residualInto = async (scope: TensorScope): Promise<Tensor> => {
    const residual = scope.track(device.upload(concat(targets, hiddenSize), [prompts.length, hiddenSize]));
    await addAtLookup(model, weights, plain, lastLayer, BLOCK_OUTPUTS.hidden, residual, job, -1);
    norms.push(await readFloats(device, scope.track(await model.linalg.rowNorms(residual))));
    return residual;
  };

  for (const [i, layer] of settings.layers.entries()) {
    await checkpoint(job);
    const started = performance.now();
    await scoped(async (scope) => {
      const keys = scope.track(device.zeros([prompts.length, intermediateSize]));
      await addAtLookup(model, weights, keyRows, layer, BLOCK_OUTPUTS.key, keys, job);
      const residual = await residualInto(scope);
      const remaining = settings.layers.length - i;
      const share = scope.track(await model.linalg.addScaled(residual, 1 / remaining, residual, 0));

      const covariance = await covarianceOf(layer);
      const { solution, relativeResidual } = await model.linalg.solveRegularized(
        covariance,
        settings.covarianceWeight,
        keys,
        prompts.length * FACTOR_GAIN <= intermediateSize ? await factorOf?.(layer, job) : null,
        job,
      );
      scope.track(solution);
      if (!(relativeResidual <= MOST_RESIDUAL)) {
        throw new EngineError(
          'numeric',
          `The solve of layer ${layer} leaves ${relativeResidual.toExponential(1)} of its right-hand side; more than ${MOST_RESIDUAL} is no solution.`,
          {
            kept: 'The model is as it was before the run.',
            next: 'Raise the covariance weight λ, take the statistics over more text, or run on the CPU (?backend=wasm), in double precision.',
          },
        );
      }

      const { tensor, fanInFanOut } = projectionOf(model.family, layer, 'mlp-output');
      const old = scope.track(await model.floatWeight(weights, tensor));
      const update = scope.track(await factorProduct(model.linalg, share, solution, fanInFanOut));
      const updateNorm = await model.linalg.norm(update);
      const weightNorm = await model.linalg.norm(old);
      if (!Number.isFinite(updateNorm)) {
        throw new EngineError('numeric', `The update of layer ${layer} is not a number.`, {
          kept: 'The model is as it was before the run.',
          next: 'Raise the covariance weight λ.',
        });
      }
      weights.replace(tensor, await model.linalg.addScaled(old, 1, update, 1));
      const [rank, outSize, inSize] = [prompts.length, hiddenSize, intermediateSize];
      deltas.push(
        isSmallerDense(rank, outSize, inSize)
          ? { kind: 'dense', tensor, shape: update.dims, values: await readFloats(device, update) }
          : {
              kind: 'low-rank',
              tensor,
              fanInFanOut,
              rank,
              outSize,
              inSize,
              left: await readFloats(device, share),
              right: await readFloats(device, solution),
            },
      );
      const outcome = {
        layer,
        updateNorm,
        weightNorm,
        meanResidual: norms[i].reduce((sum, norm) => sum + norm, 0) / prompts.length,
        relativeResidual,
        seconds: (performance.now() - started) / 1000,
      };
      outcomes.push(outcome);
      onLayer(outcome);
    });
  }
  await scoped(residualInto);
  const residuals = prompts.flatMap((_, edit) =>
    settings.layers.map((layer, i) => ({ edit, layer, before: norms[i][edit], after: norms[i + 1][edit] })),
  );
  return { deltas, outcomes, residuals };
}

/** The plain prompt weighs as much as all generated contexts together (reference: compute_ks). */
function contextWeight(context: number, contexts: number): number {
  if (contexts === 1) return 1;
  return context === 0 ? 1 / 2 : 1 / (2 * (contexts - 1));
}

function lookupRow(located: { ids: readonly number[]; lookupIndex: number }, edit: number, weight: number): LookupRow {
  return { edit, ids: located.ids.slice(0, located.lookupIndex + 1), weight };
}

/** into[edit] += sign · weight · (the layer's output at the row's last token), over all rows. */
async function addAtLookup(
  model: LanguageModel,
  weights: WeightSet,
  rows: readonly LookupRow[],
  layer: number,
  output: typeof BLOCK_OUTPUTS.key | typeof BLOCK_OUTPUTS.hidden,
  into: Tensor,
  job: Job,
  sign = 1,
): Promise<void> {
  const batches = batchesByLength(rows.map(({ ids }) => ids));
  for (const indices of batches) {
    await checkpoint(job);
    const batchRows = indices.map((index) => rows[index]);
    const add = async (states: Tensor): Promise<void> => {
      for (const weight of new Set(batchRows.map((row) => row.weight))) {
        const chosen = batchRows.flatMap((row, r) => (row.weight === weight ? [r] : []));
        await scoped(async (scope) => {
          const positions = chosen.map((r) => batchRows[r].ids.length - 1);
          const picked = scope.track(await gatherTokens(model, states, positions, chosen));
          const edits = Int32Array.from(chosen, (r) => batchRows[r].edit);
          const index = scope.track(model.runtime.device.upload(edits, [edits.length]));
          await model.linalg.scatterAddRows(into, index, picked, sign * weight);
        });
      }
    };
    const hidden = await forwardRows(model, weights, batchOf(batchRows.map(({ ids }) => ids)), {
      through: layer,
      taps: (at) => (at === layer ? [output] : []),
      onTap: (_, outputs) => add(outputs[output]!),
      signal: job.signal,
    });
    hidden.dispose();
  }
}

function concat(rows: readonly Float32Array[], width: number): Float32Array {
  const all = new Float32Array(rows.length * width);
  rows.forEach((row, i) => all.set(row, i * width));
  return all;
}
