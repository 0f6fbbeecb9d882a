/**
 * A language model ready to run: a family's graphs compiled once, its weights on the device, and the pieces of a forward
 * and a backward pass. One session serves every layer; the layer is a choice of weights.
 */
import { ModelError } from '../errors.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import { serializeModel } from '../graph/serialize.ts';
import type { LinearAlgebra } from '../linalg/linear-algebra.ts';
import type { GraphSession, Runtime } from '../runtime/runtime.ts';
import type { Tensor } from '../runtime/tensor.ts';
import { readFloats, type SafetensorsFile } from '../weights/safetensors.ts';
import type { BlockOutput, Family, ModelConfig, WeightBinding } from '../families/family.ts';
import { Gpt2Family } from '../families/gpt2.ts';
import { BaseWeights, type WeightSet } from './weight-set.ts';

/** Attention keys and values of earlier tokens, per layer, padded on the right to one length. */
export interface LayerPast {
  /** [batch, heads, past, headSize] */
  readonly key: Tensor;
  /** [batch, heads, past, headSize] */
  readonly value: Tensor;
}

export interface BlockInputs {
  /** [batch, sequence, D] */
  readonly hidden: Tensor;
  /** [1, 1, sequence, sequence] */
  readonly causalMask: Tensor;
  readonly past?: LayerPast & {
    /** [batch, 1, 1, past] */
    readonly mask: Tensor;
  };
  /** What attention and the MLP add, given from outside for some tokens. */
  readonly overrides?: BlockOverrides;
}

export interface BlockOverrides {
  /** 1 where the computed output stays, 0 where `attentionValue` takes its place; [batch, sequence, 1] */
  readonly attentionKeep: Tensor;
  /** [batch, 1, D] */
  readonly attentionValue: Tensor;
  /** [batch, sequence, 1] */
  readonly mlpKeep: Tensor;
  /** [batch, 1, D] */
  readonly mlpValue: Tensor;
}

/** Picks the family of a config.json. */
export function familyOf(configJson: unknown, tensorNames: ReadonlySet<string>): Family {
  const type =
    typeof configJson === 'object' && configJson !== null && 'model_type' in configJson
      ? configJson.model_type
      : undefined;
  if (type === 'gpt2') return new Gpt2Family(configJson, tensorNames);
  throw new ModelError(`The architecture “${String(type)}” is not supported yet; GPT-2 models are.`, {
    next: 'Open a folder whose config.json has "model_type": "gpt2".',
  });
}

export class LanguageModel {
  readonly family: Family;
  readonly runtime: Runtime;
  readonly linalg: LinearAlgebra;
  readonly weights: BaseWeights;
  readonly #sessions = new Map<string, Promise<GraphSession>>();

  private constructor(family: Family, runtime: Runtime, linalg: LinearAlgebra, weights: BaseWeights) {
    this.family = family;
    this.runtime = runtime;
    this.linalg = linalg;
    this.weights = weights;
  }

  /**
   * Reads every weight of the family from `file` onto the device, as float32.
   * @throws ModelError when a tensor is missing or has another shape than config.json says.
   */
  static async load(
    family: Family,
    file: SafetensorsFile,
    runtime: Runtime,
    linalg: LinearAlgebra,
    onProgress?: (done: number, total: number) => void,
    signal?: AbortSignal,
  ): Promise<LanguageModel> {
    const bindings = new Map<string, WeightBinding>();
    const layers = Array.from({ length: family.config.layerCount }, (_, layer) => family.blockWeights(layer)).flat();
    for (const binding of [...family.embeddingWeights(), ...layers, ...family.headWeights()]) {
      bindings.set(binding.tensor, binding);
    }
    const entries = new Map(file.tensors.map((entry) => [entry.name, entry]));
    for (const { tensor, shape } of bindings.values()) {
      const entry = entries.get(tensor);
      if (!entry) throw new ModelError(`${file.source.name} has no tensor “${tensor}”, which config.json asks for.`);
      if (entry.shape.join() !== shape.join()) {
        throw new ModelError(
          `The tensor “${tensor}” has shape [${entry.shape.join(', ')}]; config.json asks for [${shape.join(', ')}].`,
        );
      }
    }
    const tensors = new Map<string, Tensor>();
    try {
      for (const { tensor, shape } of bindings.values()) {
        const values = await readFloats(file, tensor, signal);
        tensors.set(tensor, runtime.device.upload(values, shape, tensor));
        onProgress?.(tensors.size, bindings.size);
      }
    } catch (error) {
      for (const tensor of tensors.values()) tensor.dispose();
      throw error;
    }
    return new LanguageModel(family, runtime, linalg, new BaseWeights(tensors));
  }

  get config(): ModelConfig {
    return this.family.config;
  }

  /** token_ids, position_ids int32 [batch, sequence] → [batch, sequence, D]. */
  async embed(weights: WeightSet, tokenIds: Tensor, positionIds: Tensor): Promise<Tensor> {
    const session = await this.#session('embedding', () => this.family.embeddingGraph());
    const inputs = { token_ids: tokenIds, position_ids: positionIds, ...bind(this.family.embeddingWeights(), weights) };
    return (await session.run(inputs, ['hidden'])).hidden;
  }

  /** Runs layer `layer` for the outputs asked for. */
  async block<Name extends BlockOutput>(
    weights: WeightSet,
    layer: number,
    inputs: BlockInputs,
    outputs: readonly Name[],
  ): Promise<Record<Name, Tensor>> {
    const past = inputs.past !== undefined;
    const overrides = inputs.overrides !== undefined;
    const session = await this.#session(`block${past ? '-past' : ''}${overrides ? '-overrides' : ''}`, () =>
      this.family.blockGraph({ past, overrides }),
    );
    return session.run({ ...blockFeeds(inputs), ...bind(this.family.blockWeights(layer), weights) }, outputs);
  }

  /** Gradient with respect to the block's input, given that with respect to its output [batch, sequence, D]. */
  async blockGradient(weights: WeightSet, layer: number, inputs: BlockInputs, hiddenGradient: Tensor): Promise<Tensor> {
    const withPast = inputs.past !== undefined;
    const session = await this.#session(withPast ? 'block-past-gradient' : 'block-gradient', () =>
      this.family.blockGradientGraph(withPast),
    );
    const feeds = {
      ...blockFeeds(inputs),
      ...bind(this.family.blockWeights(layer), weights),
      hidden_gradient: hiddenGradient,
    };
    return (await session.run(feeds, ['hidden_in_gradient'])).hidden_in_gradient;
  }

  /** hidden [rows, D] → logits [rows, V]. */
  async logits(weights: WeightSet, hidden: Tensor): Promise<Tensor> {
    const session = await this.#session('head', () => this.family.headGraph());
    return (await session.run({ hidden, ...bind(this.family.headWeights(), weights) }, ['logits'])).logits;
  }

  /** hidden [cells, samples, D] → next-token probabilities [cells, V], the mean over each cell's samples. */
  async meanProbabilities(weights: WeightSet, hidden: Tensor): Promise<Tensor> {
    const session = await this.#session('mean-probability', () => this.family.meanProbabilityGraph());
    return (await session.run({ hidden, ...bind(this.family.headWeights(), weights) }, ['probabilities']))
      .probabilities;
  }

  /** Gradient with respect to the head's input [rows, D], given that with respect to the logits [rows, V]. */
  async logitsGradient(weights: WeightSet, hidden: Tensor, logitsGradient: Tensor): Promise<Tensor> {
    const session = await this.#session('head-gradient', () => this.family.headGradientGraph());
    const feeds = { hidden, logits_gradient: logitsGradient, ...bind(this.family.headWeights(), weights) };
    return (await session.run(feeds, ['hidden_gradient'])).hidden_gradient;
  }

  async dispose(): Promise<void> {
    this.weights.dispose();
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const session of sessions) await (await session).release();
  }

  #session(label: string, build: () => GraphBuilder): Promise<GraphSession> {
    let session = this.#sessions.get(label);
    if (!session) {
      session = this.runtime.createSession(serializeModel(build()), label);
      this.#sessions.set(label, session);
    }
    return session;
  }
}

function bind(bindings: readonly WeightBinding[], weights: WeightSet): Record<string, Tensor> {
  return Object.fromEntries(bindings.map(({ input, tensor }) => [input, weights.get(tensor)]));
}

function blockFeeds({ hidden, causalMask, past, overrides }: BlockInputs): Record<string, Tensor> {
  return {
    hidden,
    causal_mask: causalMask,
    ...(past && { past_key: past.key, past_value: past.value, past_mask: past.mask }),
    ...(overrides && {
      attention_keep: overrides.attentionKeep,
      attention_value: overrides.attentionValue,
      mlp_keep: overrides.mlpKeep,
      mlp_value: overrides.mlpValue,
    }),
  };
}
