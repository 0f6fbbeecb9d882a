/**
 * Edits whose targets are searched together. Only tokens from the look-up token on, and only layers above Lz, depend on δ: the
 * earlier tokens run once and their keys and values are kept, and every step runs the suffixes through the layers above.
 */
import { EngineError } from '../errors.ts';
import type { Job } from '../job.ts';
import { euclidean } from '../linalg/dense.ts';
import { gatherTokens } from '../model/forward.ts';
import { BLOCK_OUTPUTS } from '../model/graphs.ts';
import type { BlockInputs, LanguageModel } from '../model/language-model.ts';
import type { WeightSet } from '../model/weight-set.ts';
import { readFloats } from '../runtime/device.ts';
import { scoped, TensorScope } from '../runtime/scope.ts';
import type { Tensor } from '../runtime/tensor.ts';
import { dropEdits, type BatchState } from './batch-state.ts';
import type { StepLosses } from './losses.ts';
import { evaluateObjective } from './objective.ts';
import { klPositionOf, rowsOf } from './suffix-rows.ts';
import { runPrefixes } from './prefixes.ts';
import type { EditPrompts } from './prompts.ts';
import { LOSS_THRESHOLD, type EditTarget, type TargetSettings } from './target.ts';

export class TargetBatch {
  readonly targets = new Map<number, EditTarget>();
  readonly #model: LanguageModel;
  readonly #weights: WeightSet;
  readonly #prompts: readonly EditPrompts[];
  readonly #settings: TargetSettings;
  readonly #scope = new TensorScope();
  readonly #losses = new Map<number, StepLosses[]>();
  readonly #initial = new Map<number, { state: Float32Array; norm: number }>();
  #state: BatchState | null = null;
  readonly #edits: readonly number[];

  /** @param edits which of the run's `prompts` are searched here */
  constructor(
    model: LanguageModel,
    weights: WeightSet,
    edits: readonly number[],
    prompts: readonly EditPrompts[],
    settings: TargetSettings,
  ) {
    this.#model = model;
    this.#weights = weights;
    this.#edits = edits;
    this.#prompts = prompts;
    this.#settings = settings;
  }

  get active(): number {
    return this.#state?.edits.length ?? 0;
  }

  dispose(): void {
    this.#scope.dispose();
  }

  /** Runs everything that does not depend on δ. */
  async prepare(job: Job): Promise<void> {
    const { device } = this.#model.runtime;
    const { hiddenSize } = this.#model.config;
    const { layer, weightDecay, clampNormFactor } = this.#settings;
    const rows = this.#edits.flatMap((edit) => rowsOf(this.#prompts[edit], edit));
    const { places, base, pasts } = await runPrefixes(this.#model, this.#weights, rows, layer, this.#scope, job);

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
      this.#initial.set(edit, { state, norm: euclidean(state) });
      this.#losses.set(edit, []);
    });
    const norms = this.#edits.map((edit) => this.#initialOf(edit).norm);
    const count = norms.length;
    const perEdit = (value: (norm: number) => number): Tensor =>
      this.#scope.track(device.upload(Float32Array.from(norms, value), [count]));
    const zeros = (): Tensor => this.#scope.track(device.zeros([count, hiddenSize]));
    this.#state = {
      edits: [...this.#edits],
      rows,
      places,
      base,
      pasts,
      adam: { delta: zeros(), firstMoment: zeros(), secondMoment: zeros() },
      decay: perEdit((norm) => weightDecay / norm ** 2),
      maxNorm: perEdit((norm) => clampNormFactor * norm),
      klReference: null,
    };
  }

  /**
   * Evaluates the loss of every running edit; edits below the threshold leave, the others take an Adam step, unless this
   * is the last evaluation.
   * @throws EngineError ('numeric') when a loss is not finite
   */
  async step(step: number, last: boolean): Promise<StepLosses[]> {
    const state = this.#state!;
    return scoped(async (scope) => {
      const { hidden, inputs } = await this.#forward(state, scope);
      const { losses, gradient } = await this.#evaluate(state, hidden, step, scope);
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
      if (leaving.length > 0) await dropEdits(this.#model, state, new Set(leaving), this.#scope);
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
    for (let layer = this.#settings.layer + 1; layer < this.#model.config.layerCount; layer += 1) {
      inputs.push(current);
      const outputs = await this.#model.block(this.#weights, layer, this.#blockInputs(state, layer, current), [
        BLOCK_OUTPUTS.hidden,
      ]);
      current = scope.track(outputs.hidden_out);
    }
    return { hidden: current, inputs };
  }

  /** Loss terms per running edit, and the gradient of their sum with respect to the last hidden state. */
  async #evaluate(
    state: BatchState,
    hidden: Tensor,
    step: number,
    scope: TensorScope,
  ): Promise<{ losses: StepLosses[]; gradient: Tensor }> {
    const { linalg, runtime } = this.#model;
    const { klFactor, weightDecay } = this.#settings;
    const places = placesOfEdits(state);
    const rows = state.rows.map((row) => ({
      edit: places.get(row.edit)!,
      predictions: row.predictions,
      klPosition: klPositionOf(row),
    }));
    const terms = await evaluateObjective(
      this.#model,
      this.#weights,
      hidden,
      rows,
      state.edits.length,
      klFactor,
      state.klReference,
    );
    scope.track(terms.gradient);
    state.klReference ??= this.#scope.track(terms.klReference);
    const deltaNorms = await readFloats(runtime.device, scope.track(await linalg.rowNorms(state.adam.delta)));
    const losses = state.edits.map((edit, i): StepLosses => {
      const { norm: initialNorm } = this.#initialOf(edit);
      const [nll, kl] = [terms.nll[i], terms.kl[i]];
      const decay = (weightDecay * deltaNorms[i]) / initialNorm ** 2;
      return { edit, step, loss: nll + kl + decay, nll, kl, decay, deltaNorm: deltaNorms[i], initialNorm };
    });
    return { losses, gradient: terms.gradient };
  }

  /** Back through the layers above Lz; returns the gradient per edit, [edits, D]. */
  async #backward(state: BatchState, inputs: readonly Tensor[], gradient: Tensor, scope: TensorScope): Promise<Tensor> {
    const { linalg, runtime } = this.#model;
    const [rows, length, width] = state.base.dims;
    let current = gradient;
    for (let i = inputs.length - 1; i >= 0; i -= 1) {
      const layer = this.#settings.layer + 1 + i;
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

  #blockInputs({ places, pasts }: BatchState, layer: number, hidden: Tensor): BlockInputs {
    const past = pasts.at(layer - this.#settings.layer - 1);
    return { hidden, places, ...(past && { past }) };
  }

  /** Per token row, its edit's place among the running edits. */
  #editOfRow(state: BatchState, scope: TensorScope): Tensor {
    const places = placesOfEdits(state);
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
}

/** Of each running edit, its place among them. */
function placesOfEdits({ edits }: BatchState): ReadonlyMap<number, number> {
  return new Map(edits.map((edit, i) => [edit, i]));
}
