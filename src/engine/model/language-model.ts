/**
 * A language model ready to run: a family's graphs compiled once, its weights on the device, and the pieces of a forward
 * and a backward pass. One session serves every layer of a kind; the layer is a choice of weights.
 */
import { ModelError } from '../errors.ts';
import type { Family, LayerKind, ModelConfig, WeightBinding } from '../families/family.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import { serializeModel } from '../graph/serialize.ts';
import type { LinearAlgebra } from '../linalg/linear-algebra.ts';
import type { GraphSession, Runtime } from '../runtime/runtime.ts';
import type { Tensor } from '../runtime/tensor.ts';
import type { TensorIndex } from '../weights/tensor-index.ts';
import {
  blockGradientGraph,
  blockGraph,
  blockLabel,
  embeddingGraph,
  headGradientGraph,
  headGraph,
  meanProbabilityGraph,
  type BlockOutput,
  type BlockVariant,
} from './graphs.ts';
import type { TokenPlaces } from './token-places.ts';
import { BaseWeights, type WeightSet } from './weight-set.ts';

/** Attention keys and values of earlier tokens of a layer, padded on the right to one length. */
export interface LayerPast {
  /** [batch, key–value heads, past, headSize] */
  readonly key: Tensor;
  /** [batch, key–value heads, past, headSize] */
  readonly value: Tensor;
}

export interface BlockInputs {
  /** [batch, sequence, D] */
  readonly hidden: Tensor;
  /** Of the batch's tokens, and of the past's where there is one. */
  readonly places: TokenPlaces;
  readonly past?: LayerPast;
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

/** A graph that was compiled, and what it wants to be fed. */
interface CompiledGraph {
  readonly session: GraphSession;
  readonly inputs: ReadonlySet<string>;
}

export class LanguageModel {
  readonly family: Family;
  readonly runtime: Runtime;
  readonly linalg: LinearAlgebra;
  readonly weights: BaseWeights;
  readonly #graphs = new Map<string, Promise<CompiledGraph>>();

  private constructor(family: Family, runtime: Runtime, linalg: LinearAlgebra, weights: BaseWeights) {
    this.family = family;
    this.runtime = runtime;
    this.linalg = linalg;
    this.weights = weights;
  }

  /**
   * Reads every weight of the family onto the device, as float32.
   * @throws ModelError when a tensor is missing or has another shape than config.json says.
   */
  static async load(
    family: Family,
    index: TensorIndex,
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
    for (const { tensor, shape } of bindings.values()) {
      const entry = index.get(tensor);
      if (!entry) throw new ModelError(`The weights have no tensor “${tensor}”, which config.json asks for.`);
      if (entry.shape.join() !== shape.join()) {
        throw new ModelError(
          `The tensor “${tensor}” has shape [${entry.shape.join(', ')}]; config.json asks for [${shape.join(', ')}].`,
        );
      }
    }
    const tensors = new Map<string, Tensor>();
    try {
      for (const { tensor, shape } of bindings.values()) {
        const values = await index.floats(tensor, signal);
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
    const { session } = await this.#graph('embedding', () => embeddingGraph(this.family));
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
    const kind = this.config.layerKinds[layer];
    const variant = variantOf(inputs);
    const graph = await this.#graph(blockLabel(kind, variant), () => blockGraph(this.family, kind, variant));
    const feeds = { ...blockFeeds(inputs, kind, graph), ...bind(this.family.blockWeights(layer), weights) };
    return graph.session.run(feeds, outputs);
  }

  /** Gradient with respect to the block's input, given that with respect to its output [batch, sequence, D]. */
  async blockGradient(weights: WeightSet, layer: number, inputs: BlockInputs, hiddenGradient: Tensor): Promise<Tensor> {
    const kind = this.config.layerKinds[layer];
    const { past } = variantOf(inputs);
    const graph = await this.#graph(`${blockLabel(kind, { past })}-gradient`, () =>
      blockGradientGraph(this.family, kind, past),
    );
    const feeds = {
      ...blockFeeds(inputs, kind, graph),
      ...bind(this.family.blockWeights(layer), weights),
      hidden_gradient: hiddenGradient,
    };
    return (await graph.session.run(feeds, ['hidden_in_gradient'])).hidden_in_gradient;
  }

  /** hidden [rows, D] → logits [rows, V]. */
  async logits(weights: WeightSet, hidden: Tensor): Promise<Tensor> {
    const { session } = await this.#graph('head', () => headGraph(this.family));
    return (await session.run({ hidden, ...bind(this.family.headWeights(), weights) }, ['logits'])).logits;
  }

  /** hidden [cells, samples, D] → next-token probabilities [cells, V], the mean over each cell's samples. */
  async meanProbabilities(weights: WeightSet, hidden: Tensor): Promise<Tensor> {
    const { session } = await this.#graph('mean-probability', () => meanProbabilityGraph(this.family));
    return (await session.run({ hidden, ...bind(this.family.headWeights(), weights) }, ['probabilities']))
      .probabilities;
  }

  /** Gradient with respect to the head's input [rows, D], given that with respect to the logits [rows, V]. */
  async logitsGradient(weights: WeightSet, hidden: Tensor, logitsGradient: Tensor): Promise<Tensor> {
    const { session } = await this.#graph('head-gradient', () => headGradientGraph(this.family));
    const feeds = { hidden, logits_gradient: logitsGradient, ...bind(this.family.headWeights(), weights) };
    return (await session.run(feeds, ['hidden_gradient'])).hidden_gradient;
  }

  async dispose(): Promise<void> {
    this.weights.dispose();
    const graphs = [...this.#graphs.values()];
    this.#graphs.clear();
    for (const graph of graphs) await (await graph).session.release();
  }

  #graph(label: string, build: () => GraphBuilder): Promise<CompiledGraph> {
    let graph = this.#graphs.get(label);
    if (!graph) {
      graph = this.#compile(label, build());
      this.#graphs.set(label, graph);
    }
    return graph;
  }

  async #compile(label: string, g: GraphBuilder): Promise<CompiledGraph> {
    const session = await this.runtime.createSession(serializeModel(g), label);
    return { session, inputs: new Set(g.inputs.map(({ name }) => name)) };
  }
}

function bind(bindings: readonly WeightBinding[], weights: WeightSet): Record<string, Tensor> {
  return Object.fromEntries(bindings.map(({ input, tensor }) => [input, weights.get(tensor)]));
}

function variantOf({ past, overrides }: BlockInputs): Required<BlockVariant> {
  return { past: past !== undefined, overrides: overrides !== undefined };
}

function blockFeeds(
  { hidden, places, past, overrides }: BlockInputs,
  { window, rotary }: LayerKind,
  { inputs }: CompiledGraph,
): Record<string, Tensor> {
  const turned = rotary && inputs.has('rotary_cos') ? places.rotary(rotary) : null;
  return {
    hidden,
    causal_mask: places.causalMask(window),
    ...(turned && { rotary_cos: turned.cos, rotary_sin: turned.sin }),
    ...(inputs.has('position_ids') && { position_ids: places.positionIds }),
    ...(past && { past_key: past.key, past_value: past.value, past_mask: places.pastMask(window) }),
    ...(overrides && {
      attention_keep: overrides.attentionKeep,
      attention_value: overrides.attentionValue,
      mlp_keep: overrides.mlpKeep,
      mlp_value: overrides.mlpValue,
    }),
  };
}
