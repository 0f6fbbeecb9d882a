/**
 * A language model ready to run: a family's graphs compiled once, its weights on the device, and the pieces of a forward
 * and a backward pass. One session serves every layer of a kind; the layer is a choice of weights.
 */
import { ModelError } from '../errors.ts';
import { remembered } from '../remembered.ts';
import type { Family, LayerKind, ModelConfig, WeightBinding } from '../families/family.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import { serializeModel } from '../graph/serialize.ts';
import type { LinearAlgebra } from '../linalg/linear-algebra.ts';
import type { Device } from '../runtime/device.ts';
import type { GraphSession, Runtime } from '../runtime/runtime.ts';
import type { Tensor } from '../runtime/tensor.ts';
import { firstNotFinite, firstNotFiniteHalf } from '../weights/dtype.ts';
import type { TensorIndex } from '../weights/tensor-index.ts';
import {
  blockGradientGraph,
  blockGraph,
  blockInput,
  blockLabel,
  embeddingGraph,
  headGradientGraph,
  headGraph,
  meanProbabilityGraph,
  tableRowsGraph,
  wideningGraph,
  type BlockOutput,
  type BlockVariant,
  type WeightForm,
  type WeightForms,
} from './graphs.ts';
import { needsOf, weightsOf } from './needs.ts';
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
   * Reads every weight of the family onto the device: matrices of 16 bits as they are where the device computes with them, all else
   * as float32.
   * @throws ModelError as {@link needsOf}, and for a value that is not finite
   */
  static async load(
    family: Family,
    index: TensorIndex,
    runtime: Runtime,
    linalg: LinearAlgebra,
    onProgress?: (done: number, total: number) => void,
    signal?: AbortSignal,
  ): Promise<LanguageModel> {
    needsOf(family, index, runtime.device);
    const bindings = weightsOf(family);
    const tensors = new Map<string, Tensor[]>();
    try {
      for (const binding of bindings) {
        const values = await readWeight(index, binding.tensor, runtime.device, signal);
        tensors.set(binding.tensor, uploadWeight(runtime.device, binding, values));
        onProgress?.(tensors.size, bindings.length);
      }
    } catch (error) {
      new BaseWeights(tensors).dispose();
      throw error;
    }
    return new LanguageModel(family, runtime, linalg, new BaseWeights(tensors));
  }

  get config(): ModelConfig {
    return this.family.config;
  }

  /** token_ids, position_ids int32 [batch, sequence] → [batch, sequence, D]. */
  async embed(weights: WeightSet, tokenIds: Tensor, positionIds: Tensor): Promise<Tensor> {
    const { feeds, forms, label } = bind(this.family.embeddingWeights(), weights);
    const { session } = await this.#graph(`embedding${label}`, () => embeddingGraph(this.family, forms));
    return (await session.run({ token_ids: tokenIds, position_ids: positionIds, ...feeds }, ['hidden'])).hidden;
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
    const { feeds, forms, label } = bind(this.family.blockWeights(layer), weights);
    const graph = await this.#graph(`${blockLabel(kind, variant)}${label}`, () =>
      blockGraph(this.family, kind, variant, forms),
    );
    return graph.session.run({ ...blockFeeds(inputs, kind, graph), ...feeds }, outputs);
  }

  /** Gradient with respect to the block's input, given that with respect to its output [batch, sequence, D]. */
  async blockGradient(weights: WeightSet, layer: number, inputs: BlockInputs, hiddenGradient: Tensor): Promise<Tensor> {
    const kind = this.config.layerKinds[layer];
    const { past } = variantOf(inputs);
    const { feeds, forms, label } = bind(this.family.blockWeights(layer), weights);
    const graph = await this.#graph(`${blockLabel(kind, { past })}-gradient${label}`, () =>
      blockGradientGraph(this.family, kind, past, forms),
    );
    const given = { ...blockFeeds(inputs, kind, graph), ...feeds, hidden_gradient: hiddenGradient };
    return (await graph.session.run(given, ['hidden_in_gradient'])).hidden_in_gradient;
  }

  /** hidden [rows, D] → logits [rows, V]. */
  async logits(weights: WeightSet, hidden: Tensor): Promise<Tensor> {
    const { feeds, forms, label } = bind(this.family.headWeights(), weights);
    const { session } = await this.#graph(`head${label}`, () => headGraph(this.family, forms));
    return (await session.run({ hidden, ...feeds }, ['logits'])).logits;
  }

  /** hidden [cells, samples, D] → next-token probabilities [cells, V], the mean over each cell's samples. */
  async meanProbabilities(weights: WeightSet, hidden: Tensor): Promise<Tensor> {
    const { feeds, forms, label } = bind(this.family.headWeights(), weights);
    const { session } = await this.#graph(`mean-probability${label}`, () => meanProbabilityGraph(this.family, forms));
    return (await session.run({ hidden, ...feeds }, ['probabilities'])).probabilities;
  }

  /** Gradient with respect to the head's input [rows, D], given that with respect to the logits [rows, V]. */
  async logitsGradient(weights: WeightSet, hidden: Tensor, logitsGradient: Tensor): Promise<Tensor> {
    const { feeds, forms, label } = bind(this.family.headWeights(), weights);
    const { session } = await this.#graph(`head-gradient${label}`, () => headGradientGraph(this.family, forms));
    const given = { hidden, logits_gradient: logitsGradient, ...feeds };
    return (await session.run(given, ['hidden_gradient'])).hidden_gradient;
  }

  /** A weight as float32, in its own shape. Where it is float32 already it is lent: disposing the result frees nothing then. */
  async floatWeight(weights: WeightSet, name: string): Promise<Tensor> {
    const weight = weights.get(name);
    if (weight.type === 'float32') return weight.reshaped(weight.dims);
    const { session } = await this.#graph(`widening-${weight.dims.join('x')}`, () => wideningGraph(weight.dims));
    return (await session.run({ values: weight }, ['wide'])).wide;
  }

  /** Rows of a weight [rows, width], as float32: [count, width]. `ids` is int32 [count]. */
  async weightRows(weights: WeightSet, name: string, ids: Tensor): Promise<Tensor> {
    const blocks = weights.blocks(name);
    if (blocks.length === 1 && blocks[0].type === 'float32') return this.linalg.gatherRows(blocks[0], ids);
    const form = formOf(blocks);
    const shape = [form.blocks.reduce((sum, rows) => sum + rows), blocks[0].dims[1]];
    const { session } = await this.#graph(`table-rows-${shape.join('x')}${labelOf('table', form)}`, () =>
      tableRowsGraph(shape, form),
    );
    return (await session.run({ ...feedsOf('table', blocks), ids }, ['taken'])).taken;
  }

  /** Never fails. */
  async dispose(): Promise<void> {
    this.weights.dispose();
    const graphs = [...this.#graphs.values()];
    this.#graphs.clear();
    // Of a device that is lost nothing can be given back, and nothing need be.
    for (const graph of graphs) await graph.then(({ session }) => session.release()).catch(() => undefined);
  }

  #graph(label: string, build: () => GraphBuilder): Promise<CompiledGraph> {
    return remembered(this.#graphs, label, () => this.#compile(label, build()));
  }

  async #compile(label: string, g: GraphBuilder): Promise<CompiledGraph> {
    const session = await this.runtime.createSession(serializeModel(g), label);
    return { session, inputs: new Set(g.inputs.map(({ name }) => name)) };
  }
}

/**
 * A tensor's values as the device is to keep them. Vectors are always float32: they are small, and one conversion each costs more.
 * @throws ModelError for a value that is not finite: it would make all that is computed NaN, and nothing would say where from
 */
async function readWeight(
  index: TensorIndex,
  tensor: string,
  { halves: mayBeHalves }: Device,
  signal?: AbortSignal,
): Promise<Float32Array | Uint16Array> {
  const isMatrix = index.entry(tensor).shape.length > 1;
  const halves = mayBeHalves && isMatrix ? await index.halves(tensor, signal) : null;
  if (halves && firstNotFiniteHalf(halves) < 0) return halves;
  const values = await index.floats(tensor, signal);
  const at = firstNotFinite(values, 'F32');
  if (at < 0) return values;
  throw new ModelError(
    `The tensor “${tensor}” holds ${values[at]} at place ${at}: the file is damaged, or training went wrong.`,
    {
      next: 'Download the weights anew, or use another checkpoint.',
    },
  );
}

/** Bytes of the block of a table that a graph makes wider at once. */
const WIDENED_BYTES = 128 * 2 ** 20;

/** Puts a weight on the device: a table in blocks of rows where it is, as float32, more than a kernel may read there. */
function uploadWeight(
  device: Device,
  { tensor, shape, table = false }: WeightBinding,
  values: Float32Array | Uint16Array,
): Tensor[] {
  const half = values instanceof Uint16Array;
  const [rows, width] = shape;
  const bytes = half ? Math.min(device.largestBinding, WIDENED_BYTES) : device.largestBinding;
  const atOnce = Math.max(1, Math.floor(bytes / (4 * width)));
  if (!table || rows <= atOnce) return [device.upload(values, shape, tensor)];
  return Array.from({ length: Math.ceil(rows / atOnce) }, (_, i) => {
    const [start, end] = [i * atOnce, Math.min(rows, (i + 1) * atOnce)];
    return device.upload(values.subarray(start * width, end * width), [end - start, width], `${tensor}, block ${i}`);
  });
}

/** Weights as inputs of a graph, and which graph that is. */
interface BoundWeights {
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly forms: WeightForms;
  /** Tells graphs apart that differ in `forms`; empty where all weights are whole and float32. */
  readonly label: string;
}

function bind(bindings: readonly WeightBinding[], weights: WeightSet): BoundWeights {
  const feeds: Record<string, Tensor> = {};
  const forms = new Map<string, WeightForm>();
  let label = '';
  for (const { input, tensor } of bindings) {
    const blocks = weights.blocks(tensor);
    const form = formOf(blocks);
    Object.assign(feeds, feedsOf(input, blocks));
    forms.set(input, form);
    label += labelOf(input, form);
  }
  return { feeds, forms, label };
}

function formOf(blocks: readonly Tensor[]): WeightForm {
  return { half: blocks[0].type === 'float16', blocks: blocks.map(({ dims }) => dims[0]) };
}

function feedsOf(input: string, blocks: readonly Tensor[]): Record<string, Tensor> {
  if (blocks.length === 1) return { [input]: blocks[0] };
  return Object.fromEntries(blocks.map((block, i) => [blockInput(input, i), block]));
}

function labelOf(input: string, { half, blocks }: WeightForm): string {
  const cut = blocks.length > 1 ? ` in ${blocks.length} blocks` : '';
  return half || cut ? ` ${input}${half ? ' as halves' : ''}${cut}` : '';
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
