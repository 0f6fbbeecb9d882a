/**
 * The target hidden state z of every edit (algorithm, section 4; reference: memit/compute_z.py): a vector δ added to the
 * output of block Lz at the look-up token, optimised so that the model says the new object.
 *
 * Only tokens from the look-up token on, and only layers above Lz, depend on δ. So the earlier tokens run once, their
 * keys and values are kept, and every step runs the suffix through the layers above, for all edits of a batch at once.
 */
import { EngineError } from '../errors.ts';
import { BLOCK_OUTPUTS } from '../families/family.ts';
import { batchOf, causalMask, embedRows, gatherTokens, pastMask, takeRows } from '../model/forward.ts';
import type { LanguageModel, LayerPast } from '../model/language-model.ts';
import type { WeightSet } from '../model/weight-set.ts';
import type { AdamState } from '../linalg/linear-algebra.ts';
import { readFloats } from '../runtime/device.ts';
import { scoped, TensorScope } from '../runtime/scope.ts';
import type { Tensor } from '../runtime/tensor.ts';
import { checkpoint, type Job } from '../job.ts';
import type { EditPrompts } from './prompts.ts';
import type { StepLosses } from '../methods/report.ts';
import { LOSS_THRESHOLD, type MemitSettings } from '../methods/memit/settings.ts';

export interface EditTarget {
  /** z = h0 + δ, [D]. */
  readonly z: Float32Array;
  /** δ, [D]. */
  readonly delta: Float32Array;
  /** ‖h0‖: the norm of the clean hidden state at the look-up token. */
  readonly initialNorm: number;
  readonly losses: StepLosses[];
}

/** Bytes of activations one batch of edits may keep on the device. */
const BATCH_BYTES = 512 * 1024 * 1024;
/** More edits at once do not run faster, and a step should not keep a cancel waiting. */
const BATCH_EDITS = 16;

/** How many edits are optimised at once, from what one of them keeps in memory. */
export function editsPerBatch(model: LanguageModel, prompts: readonly EditPrompts[], lastLayer: number): number {
  const { hiddenSize, layerCount, vocabularySize, intermediateSize } = model.config;
  const layersAbove = layerCount - 1 - lastLayer;
  const rows = prompts[0].contexts.length + 1;
  const longest = Math.max(
    ...prompts.flatMap((edit) => edit.contexts.map(({ ids }) => ids.length + edit.targetIds.length)),
  );
  const kept = layersAbove * rows * longest * hiddenSize * 3 + rows * longest * (intermediateSize * 4 + hiddenSize * 8);
  const targetTokens = Math.max(...prompts.map((edit) => edit.targetIds.length));
  const logits = (rows * targetTokens + 3) * vocabularySize * 3;
  return Math.max(1, Math.min(BATCH_EDITS, Math.floor(BATCH_BYTES / (4 * (kept + logits)))));
}

/**
 * Optimises z for every edit, in batches.
 * @param onStep called after each evaluation with the losses of the edits that were still running
 * @throws EngineError ('numeric') when a loss is not finite; CancelledError
 */
export async function optimizeTargets(
  model: LanguageModel,
  weights: WeightSet,
  prompts: readonly EditPrompts[],
  settings: MemitSettings,
  job: Job,
  onStep: (losses: readonly StepLosses[], finishedEdits: number) => void,
): Promise<EditTarget[]> {
  const lastLayer = settings.layers[settings.layers.length - 1];
  const targets = new Array<EditTarget>(prompts.length);
  // Edits of similar length share a batch, so that little of it is padding.
  const order = prompts.map((_, i) => i).sort((a, b) => rowLength(prompts[b]) - rowLength(prompts[a]) || a - b);
  const size = editsPerBatch(model, prompts, lastLayer);
  let finished = 0;
  for (let start = 0; start < order.length; start += size) {
    const edits = order.slice(start, start + size);
    const batch = new TargetBatch(model, weights, edits, prompts, settings, lastLayer);
    try {
      await batch.prepare(job);
      for (let step = 0; step < settings.steps && batch.active > 0; step += 1) {
        await checkpoint(job);
        const losses = await batch.step(step, step === settings.steps - 1);
        onStep(losses, finished + edits.length - batch.active);
      }
      for (const [edit, target] of batch.targets) targets[edit] = target;
    } finally {
      batch.dispose();
    }
    finished += edits.length;
  }
  return targets;
}

function rowLength(edit: EditPrompts): number {
  return edit.contexts[0].ids.length + edit.targetIds.length;
}

/** One row of a batch: a prompt in one context (or the KL prompt), split at the look-up token. */
interface Row {
  readonly edit: number;
  readonly prefix: readonly number[];
  /** From the look-up token on, with the target's tokens but the last. */
  readonly suffix: readonly number[];
  /** Where in the suffix each target token is predicted. */
  readonly targetPositions: readonly number[];
}

function rowsOf({ contexts, klPrompt, targetIds }: EditPrompts, edit: number): Row[] {
  const rows = contexts.map(({ ids, lookupIndex }) => ({
    edit,
    prefix: ids.slice(0, lookupIndex),
    suffix: [...ids.slice(lookupIndex), ...targetIds.slice(0, -1)],
    targetPositions: targetIds.map((_, t) => ids.length - 1 + t - lookupIndex),
  }));
  // Nothing after the look-up token of the KL prompt can change what is read there.
  const { ids, lookupIndex } = klPrompt;
  return [...rows, { edit, prefix: ids.slice(0, lookupIndex), suffix: [ids[lookupIndex]], targetPositions: [] }];
}

/** Tensors that have one row per active edit or per token row, rebuilt when edits leave. */
interface BatchState {
  /** Edits still running, as indices into the run. */
  edits: number[];
  rows: Row[];
  /** Output of block Lz without δ, [rows, suffix, D]. */
  base: Tensor;
  /** Per layer above Lz. Absent where no row has a token before its look-up token. */
  pasts: LayerPast[];
  pastMask: Tensor | null;
  adam: AdamState;
  decay: Tensor;
  maxNorm: Tensor;
  /** log p₀ at the KL prompts' look-up tokens, [edits, V]; null before the first evaluation. */
  klReference: Tensor | null;
}

class TargetBatch {
  readonly targets = new Map<number, EditTarget>();
  readonly #model: LanguageModel;
  readonly #weights: WeightSet;
  readonly #prompts: readonly EditPrompts[];
  readonly #settings: MemitSettings;
  readonly #lastLayer: number;
  readonly #scope = new TensorScope();
  readonly #losses = new Map<number, StepLosses[]>();
  readonly #initial = new Map<number, { state: Float32Array; norm: number }>();
  #causalMask: Tensor | null = null;
  #state: BatchState | null = null;
  readonly #edits: readonly number[];

  constructor(
    model: LanguageModel,
    weights: WeightSet,
    edits: readonly number[],
    prompts: readonly EditPrompts[],
    settings: MemitSettings,
    lastLayer: number,
  ) {
    this.#model = model;
    this.#weights = weights;
    this.#edits = edits;
    this.#prompts = prompts;
    this.#settings = settings;
    this.#lastLayer = lastLayer;
  }

  get active(): number {
    return this.#state?.edits.length ?? 0;
  }

  dispose(): void {
    this.#scope.dispose();
  }

  /** Runs everything that does not depend on δ: prefixes through all layers, suffixes up to Lz. */
  async prepare(job: Job): Promise<void> {
    const { device } = this.#model.runtime;
    const { layerCount, hiddenSize } = this.#model.config;
    const rows = this.#edits.flatMap((edit) => rowsOf(this.#prompts[edit], edit));
    const suffixes = batchOf(rows.map(({ suffix }) => suffix));
    const prefixes = batchOf(rows.map(({ prefix }) => prefix));
    const track = <T extends Tensor>(tensor: T): T => this.#scope.track(tensor);
    const suffixMask = track(causalMask(device, suffixes.length));
    this.#causalMask = suffixMask;

    const offsets = rows.map(({ prefix }) => prefix.length);
    const mask =
      prefixes.length > 0
        ? track(pastMask(device, rows.length, prefixes.length, (row, place) => place < offsets[row]))
        : null;
    const pasts: LayerPast[] = [];
    const base = await scoped(async (scope) => {
      let suffixHidden = scope.track(await embedRows(this.#model, this.#weights, suffixes, offsets));
      let prefixHidden = mask && scope.track(await embedRows(this.#model, this.#weights, prefixes));
      const prefixMask = mask && scope.track(causalMask(device, prefixes.length));
      for (let layer = 0; layer < layerCount; layer += 1) {
        await checkpoint(job);
        const keep = layer > this.#lastLayer ? this.#scope : scope;
        let past: LayerPast | null = null;
        if (prefixHidden && prefixMask) {
          const outputs = await this.#model.block(
            this.#weights,
            layer,
            { hidden: prefixHidden, causalMask: prefixMask },
            [BLOCK_OUTPUTS.hidden, BLOCK_OUTPUTS.presentKey, BLOCK_OUTPUTS.presentValue],
          );
          scope.drop(prefixHidden);
          prefixHidden = scope.track(outputs.hidden_out);
          past = { key: keep.track(outputs.present_key), value: keep.track(outputs.present_value) };
        }
        if (layer > this.#lastLayer) {
          if (past) pasts.push(past);
          continue;
        }
        const inputs = {
          hidden: suffixHidden,
          causalMask: suffixMask,
          ...(past && mask && { past: { ...past, mask } }),
        };
        const { hidden_out: next } = await this.#model.block(this.#weights, layer, inputs, [BLOCK_OUTPUTS.hidden]);
        scope.drop(suffixHidden);
        suffixHidden = scope.track(next);
        if (past) {
          scope.drop(past.key);
          scope.drop(past.value);
        }
      }
      return track(scope.release(suffixHidden));
    });

    const plainRows = this.#edits.map((edit) => rows.findIndex((row) => row.edit === edit));
    const initial = await scoped(async (scope) => {
      const states = await gatherTokens(
        this.#model,
        base,
        plainRows.map(() => 0),
        plainRows,
      );
      return readFloats(device, scope.track(states));
    });
    this.#edits.forEach((edit, i) => {
      const state = initial.slice(i * hiddenSize, (i + 1) * hiddenSize);
      this.#initial.set(edit, { state, norm: Math.hypot(...state) });
      this.#losses.set(edit, []);
    });
    const norms = this.#edits.map((edit) => this.#initialOf(edit).norm);
    const count = this.#edits.length;
    this.#state = {
      edits: [...this.#edits],
      rows,
      base,
      pasts,
      pastMask: mask,
      adam: {
        delta: track(device.zeros([count, hiddenSize])),
        firstMoment: track(device.zeros([count, hiddenSize])),
        secondMoment: track(device.zeros([count, hiddenSize])),
      },
      decay: track(
        device.upload(
          Float32Array.from(norms, (norm) => this.#settings.weightDecay / norm ** 2),
          [count],
        ),
      ),
      maxNorm: track(
        device.upload(
          Float32Array.from(norms, (norm) => this.#settings.clampNormFactor * norm),
          [count],
        ),
      ),
      klReference: null,
    };
  }

  /**
   * Evaluates the loss of every running edit; edits below the threshold leave, the others take an Adam step, unless this
   * is the last evaluation.
   */
  async step(step: number, last: boolean): Promise<StepLosses[]> {
    const state = this.#state!;
    return scoped(async (scope) => {
      const { hidden, inputs } = await this.#forward(state, scope);
      const { losses, gradient } = await this.#loss(state, hidden, step, scope);
      for (const loss of losses) {
        if (!Number.isFinite(loss.loss)) {
          const { subject } = this.#prompts[loss.edit].request;
          throw new EngineError('numeric', `The loss of the edit of “${subject}” is not a number at step ${step}.`, {
            kept: 'The model is as it was before the run.',
            next: 'Lower the learning rate or the clamp factor.',
          });
        }
        this.#losses.get(loss.edit)?.push(loss);
      }
      const leaving = losses.filter(({ loss }) => last || loss < LOSS_THRESHOLD).map(({ edit }) => edit);
      if (leaving.length > 0) await this.#finish(state, new Set(leaving));
      if (leaving.length === state.edits.length) {
        state.edits = [];
        return losses;
      }
      const deltaGradient = await this.#backward(state, inputs, gradient, scope);
      await this.#model.linalg.adamStep(state.adam, deltaGradient, {
        step: step + 1,
        learningRate: this.#settings.learningRate,
        decay: state.decay,
        maxNorm: state.maxNorm,
      });
      if (leaving.length > 0) await this.#compact(state, new Set(leaving));
      return losses;
    });
  }

  /** The suffixes with δ through the layers above Lz; `inputs[i]` is what layer Lz + 1 + i was given. */
  async #forward(state: BatchState, scope: TensorScope): Promise<{ hidden: Tensor; inputs: Tensor[] }> {
    const { linalg, runtime } = this.#model;
    const [rows, length, width] = state.base.dims;
    const hidden = scope.track(runtime.device.clone(state.base));
    const deltas = scope.track(await linalg.gatherRows(state.adam.delta, this.#editOfRow(state, scope)));
    await linalg.scatterAddRows(hidden.reshaped([rows * length, width]), this.#lookupRows(state, scope), deltas);
    const inputs: Tensor[] = [];
    let current = hidden;
    for (let layer = this.#lastLayer + 1; layer < this.#model.config.layerCount; layer += 1) {
      inputs.push(current);
      const outputs = await this.#model.block(this.#weights, layer, this.#blockInputs(state, layer, current), [
        BLOCK_OUTPUTS.hidden,
      ]);
      current = scope.track(outputs.hidden_out);
    }
    return { hidden: current, inputs };
  }

  /** Loss terms per running edit, and the gradient of their sum with respect to the last hidden state. */
  async #loss(
    state: BatchState,
    hidden: Tensor,
    step: number,
    scope: TensorScope,
  ): Promise<{ losses: StepLosses[]; gradient: Tensor }> {
    const { linalg, runtime } = this.#model;
    const { device } = runtime;
    const { klFactor, weightDecay } = this.#settings;
    const [rows, length, width] = hidden.dims;
    const flat = hidden.reshaped([rows * length, width]);

    const positions: number[] = [];
    const targets: number[] = [];
    const weights: number[] = [];
    const editOfPosition: number[] = [];
    const klPositions: number[] = [];
    state.rows.forEach((row, r) => {
      const { targetIds, contexts } = this.#prompts[row.edit];
      if (row.targetPositions.length === 0) klPositions.push(r * length);
      row.targetPositions.forEach((position, i) => {
        positions.push(r * length + position);
        targets.push(targetIds[i]);
        weights.push(1 / (targetIds.length * contexts.length));
        editOfPosition.push(row.edit);
      });
    });
    const gradient = scope.track(device.zeros(flat.dims));

    const position = scope.track(device.upload(Int32Array.from(positions), [positions.length]));
    const predicted = scope.track(await linalg.gatherRows(flat, position));
    const logits = scope.track(await this.#model.logits(this.#weights, predicted));
    const target = scope.track(device.upload(Int32Array.from(targets), [targets.length]));
    const weight = scope.track(device.upload(Float32Array.from(weights), [weights.length]));
    const nll = await linalg.crossEntropy(logits, target, weight);
    scope.track(nll.loss);
    scope.track(nll.gradient);
    const predictedGradient = scope.track(await this.#model.logitsGradient(this.#weights, predicted, nll.gradient));
    await linalg.scatterAddRows(gradient, position, predictedGradient);

    const klPosition = scope.track(device.upload(Int32Array.from(klPositions), [klPositions.length]));
    const klHidden = scope.track(await linalg.gatherRows(flat, klPosition));
    const klLogits = scope.track(await this.#model.logits(this.#weights, klHidden));
    state.klReference ??= this.#scope.track(await linalg.logSoftmax(klLogits));
    const klWeight = scope.track(
      device.upload(new Float32Array(klPositions.length).fill(klFactor), [klPositions.length]),
    );
    const kl = await linalg.klDivergence(klLogits, state.klReference, klWeight);
    scope.track(kl.loss);
    scope.track(kl.gradient);
    const klGradient = scope.track(await this.#model.logitsGradient(this.#weights, klHidden, kl.gradient));
    await linalg.scatterAddRows(gradient, klPosition, klGradient);

    const nllValues = await readFloats(device, nll.loss);
    const klValues = await readFloats(device, kl.loss);
    const deltaNorms = await readFloats(device, scope.track(await linalg.rowNorms(state.adam.delta)));
    const nllOf = new Map(state.edits.map((edit) => [edit, 0]));
    editOfPosition.forEach((edit, i) => nllOf.set(edit, (nllOf.get(edit) ?? 0) + weights[i] * nllValues[i]));
    const losses = state.edits.map((edit, i): StepLosses => {
      const { norm: initialNorm } = this.#initialOf(edit);
      const terms = {
        nll: nllOf.get(edit) ?? 0,
        kl: klFactor * klValues[i],
        decay: (weightDecay * deltaNorms[i]) / initialNorm ** 2,
      };
      return { edit, step, loss: terms.nll + terms.kl + terms.decay, ...terms, deltaNorm: deltaNorms[i], initialNorm };
    });
    return { losses, gradient: gradient.reshaped(hidden.dims) };
  }

  /** Back through the layers above Lz; returns the gradient per edit, [edits, D]. */
  async #backward(state: BatchState, inputs: readonly Tensor[], gradient: Tensor, scope: TensorScope): Promise<Tensor> {
    const { linalg, runtime } = this.#model;
    const [rows, length, width] = state.base.dims;
    let current = gradient;
    for (let i = inputs.length - 1; i >= 0; i -= 1) {
      const layer = this.#lastLayer + 1 + i;
      const blockInputs = this.#blockInputs(state, layer, inputs[i]);
      current = scope.track(await this.#model.blockGradient(this.#weights, layer, blockInputs, current));
    }
    const atLookup = scope.track(
      await linalg.gatherRows(current.reshaped([rows * length, width]), this.#lookupRows(state, scope)),
    );
    const total = scope.track(runtime.device.zeros([state.edits.length, width]));
    await linalg.scatterAddRows(total, this.#editOfRow(state, scope), atLookup);
    return total;
  }

  #blockInputs(state: BatchState, layer: number, hidden: Tensor): Parameters<LanguageModel['block']>[2] {
    const causal = this.#causalMask!;
    if (!state.pastMask) return { hidden, causalMask: causal };
    const past = state.pasts[layer - this.#lastLayer - 1];
    return { hidden, causalMask: causal, past: { ...past, mask: state.pastMask } };
  }

  /** Per token row, its edit's place among the running edits. */
  #editOfRow(state: BatchState, scope: TensorScope): Tensor {
    const places = new Map(state.edits.map((edit, i) => [edit, i]));
    const indices = Int32Array.from(state.rows, (row) => places.get(row.edit)!);
    return scope.track(this.#model.runtime.device.upload(indices, [indices.length]));
  }

  /** Per token row, where its look-up token stands in [rows · suffix, D]: the suffix begins with it. */
  #lookupRows(state: BatchState, scope: TensorScope): Tensor {
    const length = state.base.dims[1];
    const indices = Int32Array.from(state.rows, (_, r) => r * length);
    return scope.track(this.#model.runtime.device.upload(indices, [indices.length]));
  }

  #initialOf(edit: number): { state: Float32Array; norm: number } {
    return this.#initial.get(edit) as { state: Float32Array; norm: number };
  }

  /** Records z of the edits that leave, from δ as it was evaluated. */
  async #finish(state: BatchState, leaving: ReadonlySet<number>): Promise<void> {
    const deltas = await readFloats(this.#model.runtime.device, state.adam.delta);
    const width = this.#model.config.hiddenSize;
    state.edits.forEach((edit, i) => {
      if (!leaving.has(edit)) return;
      const delta = deltas.slice(i * width, (i + 1) * width);
      const { state: initial, norm } = this.#initialOf(edit);
      this.targets.set(edit, {
        delta,
        z: delta.map((value, d) => value + initial[d]),
        initialNorm: norm,
        losses: this.#losses.get(edit) ?? [],
      });
    });
  }

  /** Rebuilds the batch's tensors without the edits that left, so that no further work is spent on them. */
  async #compact(state: BatchState, leaving: ReadonlySet<number>): Promise<void> {
    const { device } = this.#model.runtime;
    await scoped(async (scope) => {
      const select = (kept: number[]): Tensor => scope.track(device.upload(Int32Array.from(kept), [kept.length]));
      const keptRows = state.rows.flatMap((row, r) => (leaving.has(row.edit) ? [] : [r]));
      const keptEdits = state.edits.flatMap((edit, i) => (leaving.has(edit) ? [] : [i]));
      const rowIndex = select(keptRows);
      const editIndex = select(keptEdits);
      const take = async (tensor: Tensor, index: Tensor): Promise<Tensor> => {
        const taken = this.#scope.track(await takeRows(this.#model, tensor, index));
        this.#scope.drop(tensor);
        return taken;
      };
      state.base = await take(state.base, rowIndex);
      if (state.pastMask) state.pastMask = await take(state.pastMask, rowIndex);
      for (let i = 0; i < state.pasts.length; i += 1) {
        const { key, value } = state.pasts[i];
        state.pasts[i] = { key: await take(key, rowIndex), value: await take(value, rowIndex) };
      }
      state.adam = {
        delta: await take(state.adam.delta, editIndex),
        firstMoment: await take(state.adam.firstMoment, editIndex),
        secondMoment: await take(state.adam.secondMoment, editIndex),
      };
      state.decay = await take(state.decay, editIndex);
      state.maxNorm = await take(state.maxNorm, editIndex);
      if (state.klReference) state.klReference = await take(state.klReference, editIndex);
      state.rows = keptRows.map((r) => state.rows[r]);
      state.edits = keptEdits.map((i) => state.edits[i]);
    });
  }
}
