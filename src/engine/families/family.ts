/**
 * What an architecture contributes: its configuration, its forward pass in three pieces over the graph builder, the names of
 * its tensors and the projections that can be edited. Gradients, cached prefixes, overrides and batches are the machinery's
 * (model/), made from these pieces once for all families.
 */
import type { GraphBuilder, Value } from '../graph/builder.ts';
import type { Rotary, RotaryValues } from './rotary.ts';

/** Blocks of one kind share a graph; layers may be of different kinds. */
export interface LayerKind {
  /** Told apart by it. */
  readonly name: string;
  /** Tokens that attention reaches back to, its own included (sliding window); null: all of them. */
  readonly window: number | null;
  /** How queries and keys are turned by position; absent where positions are embedded. */
  readonly rotary?: Rotary;
}

export interface ModelConfig {
  /** `model_type` of config.json. */
  readonly modelType: string;
  readonly layerCount: number;
  /** D */
  readonly hiddenSize: number;
  /** F, the width of the MLP's output projection's input. */
  readonly intermediateSize: number;
  /** Heads of queries. */
  readonly headCount: number;
  /** Heads of keys and values; a divisor of headCount (grouped-query attention where it is smaller). */
  readonly keyValueHeadCount: number;
  readonly headSize: number;
  /** Numbers of a head that are rotated by position; 0 where positions are embedded. */
  readonly rotarySize: number;
  /** Factor on the token table's rows (Gemma); 1 when absent. */
  readonly embeddingScale?: number;
  /** V */
  readonly vocabularySize: number;
  /** Tokens the model reads at most. */
  readonly contextLength: number;
  /** One a layer. */
  readonly layerKinds: readonly LayerKind[];
}

/** A weight as a graph input: the input's name, the tensor's name in the file, and its shape there. */
export interface WeightBinding {
  readonly input: string;
  readonly tensor: string;
  readonly shape: readonly number[];
  /** A table: its rows are looked up, or multiplied with, and nothing else. A large one may be given in blocks of rows. */
  readonly table?: boolean;
}

/** Which linear map of a block: the MLP's output projection W_out, where MEMIT writes (Meng et al. 2023, section 4). */
export type ProjectionRole = 'mlp-output';

/** A linear map of a layer that can be edited. */
export interface Projection {
  readonly tensor: string;
  /** True when the file stores it [in, out] (GPT-2's Conv1D), false for [out, in] (nn.Linear); PEFT's `fan_in_fan_out`. */
  readonly fanInFanOut: boolean;
}

/** Weights of a graph by their inputs' names. @throws GraphError for a name that no binding has */
export type WeightInputs = (input: string) => Value;

/** What a block is given, and what it tells of its insides: the machinery reads them, and replaces some. */
export interface BlockIo {
  /** [batch, sequence, D] */
  readonly hidden: Value;
  /** int32 [batch, sequence] */
  readonly positions: Value;
  /** Of the kind's {@link LayerKind.rotary}. @throws GraphError where it has none */
  rotary(): RotaryValues;
  readonly weight: WeightInputs;
  /**
   * Attention over the tokens that each may see, cached ones included. Query [batch, heads, sequence, headSize], key and value
   * [batch, key–value heads, sequence, headSize], already rotated → [batch, sequence, heads · headSize].
   * @param scale factor on the scores
   * @param cap the scores' smooth bound, before the masks; none when null or absent
   */
  attend(query: Value, key: Value, value: Value, scale: number, cap?: number | null): Value;
  /** Hands on what attention adds to the residual stream, [batch, sequence, D]: the same, or what a trace gives in its place. */
  attention(added: Value): Value;
  /** Hands on the input of the MLP's output projection, [batch, sequence, F]. */
  mlpKey(key: Value): Value;
  /** The same for what the MLP adds, as {@link attention}. */
  mlp(added: Value): Value;
}

export interface Family {
  readonly config: ModelConfig;
  /** int32 [batch, sequence] each → [batch, sequence, D]. */
  embed(g: GraphBuilder, ids: Value, positions: Value, weight: WeightInputs): Value;
  /** → the block's output, [batch, sequence, D]. */
  block(g: GraphBuilder, kind: LayerKind, io: BlockIo): Value;
  /** Final norm and unembedding: [..., D] → logits [..., V]. */
  head(g: GraphBuilder, hidden: Value, weight: WeightInputs): Value;
  /** The token table first. */
  embeddingWeights(): WeightBinding[];
  blockWeights(layer: number): WeightBinding[];
  headWeights(): WeightBinding[];
  projections(layer: number): Readonly<Record<ProjectionRole, Projection>>;
}

/** Names of the tensors that the weights' files hold. */
export interface TensorNames {
  has(name: string): boolean;
}

/** An entry of the registry. */
export interface FamilyDefinition {
  /** What it is called, with its models' names. */
  readonly label: string;
  /** Values of config.json's `model_type`. */
  readonly modelTypes: readonly string[];
  /**
   * @param config the parsed config.json
   * @throws ModelError naming the setting that is missing or not supported
   */
  create(config: unknown, tensors: TensorNames): Family;
}

export function projectionOf(family: Family, layer: number, role: ProjectionRole): Projection {
  return family.projections(layer)[role];
}
