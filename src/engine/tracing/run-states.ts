/** The clean run of a prompt and its corrupted runs, every state kept that a restored run starts from or is given. */
import { checkpoint, type Job } from '../job.ts';
import { batchOf, embedRows, gatherTokens, placesOf } from '../model/forward.ts';
import { BLOCK_OUTPUTS, type BlockOutput } from '../model/graphs.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { WeightSet } from '../model/weight-set.ts';
import { readFloats } from '../runtime/device.ts';
import { scoped, TensorScope } from '../runtime/scope.ts';
import type { Tensor } from '../runtime/tensor.ts';
import type { Gaussian } from './noise.ts';
import type { Part } from './restorations.ts';

export interface Prompt {
  readonly ids: readonly number[];
  /** Half-open range of the subject's tokens. */
  readonly subject: readonly [start: number, end: number];
}

interface LayerStates {
  /** Outputs of all runs, the clean one last, [(samples + 1) · T, D]; a part's only where a grid needs it. */
  readonly hidden: Tensor;
  readonly attention: Tensor | null;
  readonly mlp: Tensor | null;
  /** [(samples + 1) · key–value heads · T, headSize] */
  readonly key: Tensor;
  readonly value: Tensor;
}

/** States as wide as the hidden one that are kept per layer: its output and its parts'. */
const STATES_PER_LAYER = 3;

/** Bytes that the states of `runs` runs of a prompt take. */
export function bytesOfStates(model: LanguageModel, length: number, runs: number): number {
  const { layerCount, hiddenSize, keyValueHeadCount, headSize } = model.config;
  const perLayer = STATES_PER_LAYER * hiddenSize + 2 * keyValueHeadCount * headSize;
  return runs * length * 4 * (layerCount * perLayer + hiddenSize);
}

export class RunStates {
  readonly samples: number;
  readonly length: number;
  /** Index of the clean run. */
  readonly clean: number;
  /** [(samples + 1) · T, D] */
  readonly #embedded: Tensor;
  readonly #layers: readonly LayerStates[];
  readonly #scope: TensorScope;

  private constructor(
    samples: number,
    length: number,
    embedded: Tensor,
    layers: readonly LayerStates[],
    scope: TensorScope,
  ) {
    this.samples = samples;
    this.length = length;
    this.clean = samples;
    this.#embedded = embedded;
    this.#layers = layers;
    this.#scope = scope;
  }

  /**
   * @param noise what is added to the subject's embeddings, [samples, subject tokens, D] in double precision
   * @param parts whose outputs are kept besides the blocks' own
   */
  static async run(
    model: LanguageModel,
    weights: WeightSet,
    { ids, subject }: Prompt,
    noise: Float64Array,
    samples: number,
    parts: ReadonlySet<Part>,
    job: Job,
  ): Promise<RunStates> {
    const { device } = model.runtime;
    const { layerCount, hiddenSize, keyValueHeadCount, headSize } = model.config;
    const [rows, length] = [samples + 1, ids.length];
    const kept = new TensorScope();
    const one = batchOf([ids]);
    try {
      const clean = await scoped(async (scope) =>
        readFloats(device, scope.track(await embedRows(model, weights, one, scope.track(placesOf(model, one))))),
      );
      const mixed = corrupt(clean, noise, { samples, length, width: hiddenSize, subject });
      const embedded = kept.track(device.upload(mixed, [rows, length, hiddenSize], 'corrupted embeddings'));
      const places = kept.track(placesOf(model, batchOf(new Array<readonly number[]>(rows).fill(ids))));
      const wanted: BlockOutput[] = [BLOCK_OUTPUTS.hidden, BLOCK_OUTPUTS.presentKey, BLOCK_OUTPUTS.presentValue];
      for (const part of parts) wanted.push(BLOCK_OUTPUTS[part]);
      const layers: LayerStates[] = [];
      let hidden = embedded;
      for (let layer = 0; layer < layerCount; layer += 1) {
        await checkpoint(job);
        const outputs = await model.block(weights, layer, { hidden, places }, wanted);
        for (const tensor of Object.values(outputs)) kept.track(tensor);
        hidden = outputs[BLOCK_OUTPUTS.hidden];
        const flat = (name: BlockOutput): Tensor => outputs[name].reshaped([rows * length, hiddenSize]);
        const heads = (name: BlockOutput): Tensor =>
          outputs[name].reshaped([rows * keyValueHeadCount * length, headSize]);
        layers.push({
          hidden: flat(BLOCK_OUTPUTS.hidden),
          attention: parts.has('attention') ? flat(BLOCK_OUTPUTS.attention) : null,
          mlp: parts.has('mlp') ? flat(BLOCK_OUTPUTS.mlp) : null,
          key: heads(BLOCK_OUTPUTS.presentKey),
          value: heads(BLOCK_OUTPUTS.presentValue),
        });
      }
      return new RunStates(samples, length, embedded.reshaped([rows * length, hiddenSize]), layers, kept);
    } catch (error) {
      kept.dispose();
      throw error;
    }
  }

  dispose(): void {
    this.#scope.dispose();
  }

  /** What layer `layer` was given, [(samples + 1) · T, D]. */
  inputOf(layer: number): Tensor {
    return layer === 0 ? this.#embedded : this.#layers[layer - 1].hidden;
  }

  /** What a part of the layer added, [(samples + 1) · T, D]. */
  partOf(part: Part, layer: number): Tensor {
    const tensor = this.#layers[layer][part];
    if (!tensor) throw new Error(`The outputs of ${part} were not kept.`);
    return tensor;
  }

  /** Attention keys and values, [(samples + 1) · key–value heads · T, headSize] each. */
  pastOf(layer: number): { readonly key: Tensor; readonly value: Tensor } {
    return this.#layers[layer];
  }

  /** Next-token probabilities [V] after the prompt: of the clean run, and the mean of the corrupted ones. */
  async answers(model: LanguageModel, weights: WeightSet): Promise<{ clean: Float32Array; corrupted: Float32Array }> {
    const last = this.#layers[this.#layers.length - 1].hidden;
    const { hiddenSize } = model.config;
    const states = last.reshaped([this.samples + 1, this.length, hiddenSize]);
    const read = (rows: readonly number[]): Promise<Float32Array> =>
      scoped(async (scope) => {
        const positions = rows.map(() => this.length - 1);
        const hidden = scope.track(await gatherTokens(model, states, positions, rows));
        const probabilities = await model.meanProbabilities(weights, hidden.reshaped([1, rows.length, hiddenSize]));
        return readFloats(model.runtime.device, scope.track(probabilities));
      });
    const samples = Array.from({ length: this.samples }, (_, sample) => sample);
    return { clean: await read([this.clean]), corrupted: await read(samples) };
  }
}

/** Standard normal numbers times `deviation`, in the reference's order: [samples, subject tokens, D]. */
export function drawNoise(gaussian: Gaussian, deviation: number, count: number): Float64Array {
  return Float64Array.from({ length: count }, () => deviation * gaussian());
}

/** The prompt's embeddings once per sample with its noise on the subject, and once as they are. */
function corrupt(
  clean: Float32Array,
  noise: Float64Array,
  shape: { samples: number; length: number; width: number; subject: readonly [number, number] },
): Float32Array {
  const { samples, length, width, subject } = shape;
  const [start, end] = subject;
  const size = length * width;
  const mixed = new Float32Array((samples + 1) * size);
  for (let row = 0; row <= samples; row += 1) mixed.set(clean, row * size);
  const perSample = (end - start) * width;
  for (let sample = 0; sample < samples; sample += 1) {
    const at = sample * size + start * width;
    for (let i = 0; i < perSample; i += 1) mixed[at + i] += noise[sample * perSample + i];
  }
  return mixed;
}
