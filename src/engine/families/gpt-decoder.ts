/**
 * Decoders of GPT's form: LayerNorm, as many keys as queries, an MLP of two matrices. A family says how its tensors are called and which
 * of the variations it has (transformers: modeling_gpt2.py, modeling_gptj.py and their kin).
 */
import type { GraphBuilder, Value } from '../graph/builder.ts';
import type {
  BlockIo,
  Family,
  LayerKind,
  ModelConfig,
  Projection,
  ProjectionRole,
  TensorNames,
  WeightBinding,
  WeightInputs,
} from './family.ts';
import { activate, linear, splitHeads, type Activation } from './layers.ts';
import { rotateHalves, rotatePairs } from './rotary.ts';
import { bindingsBelow, prefixIn, unembeddingIn } from './tensor-names.ts';

export interface GptNames {
  /** Before all tensors but the unembedding's, where the file holds the causal model. */
  readonly prefix: string;
  readonly tokenTable: string;
  /** Absent where positions are turned. */
  readonly positionTable?: string;
  /** Before a layer's number. */
  readonly layers: string;
  readonly finalNorm: string;
  /** The unembedding; the second where files call it otherwise. */
  readonly heads: readonly string[];
  /** Below a layer. */
  readonly attentionNorm: string;
  /** Absent where the MLP reads what attention reads (GPT-J). */
  readonly mlpNorm?: string;
  /** One matrix of all three, or one each. */
  readonly queryKeyValue: string | readonly [query: string, key: string, value: string];
  readonly attentionOutput: string;
  readonly mlpInput: string;
  readonly mlpOutput: string;
}

export interface GptDescription {
  readonly config: ModelConfig;
  readonly names: GptNames;
  /** Of the norms. */
  readonly epsilon: number;
  readonly activation: Activation;
  /** Whether the unembedding is the token table. */
  readonly tied: boolean;
  readonly biases: {
    readonly queryKeyValue: boolean;
    readonly attentionOutput: boolean;
    readonly mlp: boolean;
    readonly head?: boolean;
  };
  /** Whether weights are stored [in, out] (Conv1D). */
  readonly fanInFanOut?: boolean;
  /** Whether one matrix holds query, key and value head by head (GPT-NeoX), rather than all queries first. */
  readonly byHead?: boolean;
  /** Whether attention and the MLP read the same residual stream, side by side. */
  readonly parallel?: boolean;
  /** Which numbers of a head make pairs that are turned; absent where positions are embedded. */
  readonly pairs?: 'halves' | 'neighbours';
  /** Rows of the position table before position 0's (OPT); none when absent. */
  readonly positionOffset?: number;
  /** Factor on attention's scores of a layer, the same for layers of one kind; 1 / √headSize when absent. */
  readonly attentionScale?: (layer: number) => number;
}

export class GptFamily implements Family {
  readonly config: ModelConfig;
  readonly #description: GptDescription;
  readonly #prefix: string;
  readonly #unembedding: string;

  constructor(description: GptDescription, tensors: TensorNames) {
    const { names, tied } = description;
    this.config = description.config;
    this.#description = description;
    this.#prefix = prefixIn(tensors, names.prefix, `${names.tokenTable}.weight`);
    this.#unembedding = unembeddingIn(tensors, {
      tied,
      heads: names.heads.map((head) => `${head}.weight`),
      tokenTable: `${this.#prefix}${names.tokenTable}.weight`,
    });
  }

  embed(g: GraphBuilder, ids: Value, positions: Value, weight: WeightInputs): Value {
    const { names, positionOffset = 0 } = this.#description;
    const rows = g.gather(weight('tokens'), ids, 0);
    if (names.positionTable === undefined) return rows;
    const places = positionOffset === 0 ? positions : g.add(positions, g.constant(Int32Array.of(positionOffset), []));
    return g.add(rows, g.gather(weight('positions'), places, 0));
  }

  block(g: GraphBuilder, kind: LayerKind, io: BlockIo): Value {
    const { headSize, rotarySize } = this.config;
    const { activation, attentionScale, biases, names, pairs, parallel } = this.#description;
    const norm = (x: Value, name: string): Value => this.#norm(g, x, name, io.weight);
    const rotate = pairs === 'neighbours' ? rotatePairs : rotateHalves;
    const turned = (x: Value): Value => (pairs ? rotate(g, x, io.rotary(), rotarySize) : x);

    const x = norm(io.hidden, names.attentionNorm);
    const [query, key, value] = this.#queryKeyValue(g, x, io.weight);
    const scale = attentionScale?.(this.config.layerKinds.indexOf(kind)) ?? 1 / Math.sqrt(headSize);
    const merged = io.attend(turned(query), turned(key), value, scale);
    const attended = this.#project(g, merged, names.attentionOutput, io.weight, biases.attentionOutput);
    const middle = g.add(io.hidden, io.attention(attended));

    const y = names.mlpNorm === undefined ? x : norm(parallel ? io.hidden : middle, names.mlpNorm);
    const inner = this.#project(g, y, names.mlpInput, io.weight, biases.mlp);
    const mlpKey = io.mlpKey(activate(g, inner, activation));
    return g.add(middle, io.mlp(this.#project(g, mlpKey, names.mlpOutput, io.weight, biases.mlp)));
  }

  head(g: GraphBuilder, hidden: Value, weight: WeightInputs): Value {
    const { biases, names } = this.#description;
    const bias = biases.head ? weight('head.bias') : null;
    return linear(g, this.#norm(g, hidden, names.finalNorm, weight), { weight: weight('unembedding'), bias });
  }

  embeddingWeights(): WeightBinding[] {
    const { vocabularySize, contextLength, hiddenSize } = this.config;
    const { names, positionOffset = 0 } = this.#description;
    const table = (input: string, name: string, rows: number): WeightBinding => ({
      input,
      tensor: `${this.#prefix}${name}.weight`,
      shape: [rows, hiddenSize],
      table: true,
    });
    const tokens = table('tokens', names.tokenTable, vocabularySize);
    if (names.positionTable === undefined) return [tokens];
    return [tokens, table('positions', names.positionTable, contextLength + positionOffset)];
  }

  blockWeights(layer: number): WeightBinding[] {
    const { hiddenSize: d, intermediateSize: f } = this.config;
    const { biases, names } = this.#description;
    const { queryKeyValue } = names;
    const [parts, rows] = typeof queryKeyValue === 'string' ? [[queryKeyValue], 3 * d] : [queryKeyValue, d];
    const inputs = parts.map((name) => this.#matrix(name, rows, d, biases.queryKeyValue));
    return bindingsBelow(`${this.#prefix}${names.layers}.${layer}.`, {
      ...normShapes(names.attentionNorm, d),
      ...Object.fromEntries(inputs.flatMap((shapes) => Object.entries(shapes))),
      ...this.#matrix(names.attentionOutput, d, d, biases.attentionOutput),
      ...(names.mlpNorm !== undefined && normShapes(names.mlpNorm, d)),
      ...this.#matrix(names.mlpInput, f, d, biases.mlp),
      ...this.#matrix(names.mlpOutput, d, f, biases.mlp),
    });
  }

  headWeights(): WeightBinding[] {
    const { vocabularySize, hiddenSize } = this.config;
    const { biases, names } = this.#description;
    return [
      ...bindingsBelow(this.#prefix, normShapes(names.finalNorm, hiddenSize)),
      { input: 'unembedding', tensor: this.#unembedding, shape: [vocabularySize, hiddenSize], table: true },
      ...(biases.head ? [{ input: 'head.bias', tensor: `${names.heads[0]}.bias`, shape: [vocabularySize] }] : []),
    ];
  }

  projections(layer: number): Readonly<Record<ProjectionRole, Projection>> {
    const { fanInFanOut = false, names } = this.#description;
    const tensor = `${this.#prefix}${names.layers}.${layer}.${names.mlpOutput}.weight`;
    return { 'mlp-output': { tensor, fanInFanOut } };
  }

  /** [batch, heads, sequence, headSize] each. */
  #queryKeyValue(g: GraphBuilder, x: Value, weight: WeightInputs): Value[] {
    const { headCount, headSize, hiddenSize } = this.config;
    const { biases, byHead, names } = this.#description;
    const projected = (name: string): Value => this.#project(g, x, name, weight, biases.queryKeyValue);
    const heads = (part: Value): Value => splitHeads(g, part, headCount, headSize);
    if (typeof names.queryKeyValue !== 'string') return names.queryKeyValue.map((name) => heads(projected(name)));
    const all = projected(names.queryKeyValue);
    if (byHead) return g.split(splitHeads(g, all, headCount, 3 * headSize), 3, [headSize, headSize, headSize]);
    return g.split(all, 2, [hiddenSize, hiddenSize, hiddenSize]).map(heads);
  }

  #norm(g: GraphBuilder, x: Value, name: string, weight: WeightInputs): Value {
    return g.layerNorm(x, weight(`${name}.weight`), weight(`${name}.bias`), this.#description.epsilon);
  }

  #project(g: GraphBuilder, x: Value, name: string, weight: WeightInputs, biased: boolean): Value {
    const { fanInFanOut } = this.#description;
    return linear(g, x, {
      weight: weight(`${name}.weight`),
      bias: biased ? weight(`${name}.bias`) : null,
      ...(fanInFanOut && { fanInFanOut }),
    });
  }

  /** Shapes of the tensors of a map from `columns` numbers to `rows`. */
  #matrix(name: string, rows: number, columns: number, biased: boolean): Record<string, number[]> {
    const shape = this.#description.fanInFanOut ? [columns, rows] : [rows, columns];
    return { [`${name}.weight`]: shape, ...(biased && { [`${name}.bias`]: [rows] }) };
  }
}

function normShapes(name: string, size: number): Record<string, number[]> {
  return { [`${name}.weight`]: [size], [`${name}.bias`]: [size] };
}
