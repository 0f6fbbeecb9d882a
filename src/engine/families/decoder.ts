/**
 * Decoders of Llama's form: RMSNorm, rotary positions, grouped-query attention, gated MLPs, weights [out, in]. A family says which of the
 * variations it has (transformers: modeling_llama.py and those made from it).
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
import { activate, linear, softCap, splitHeads, type Activation } from './layers.ts';
import { rotateHalves } from './rotary.ts';
import { bindingsBelow, prefixIn, unembeddingIn } from './tensor-names.ts';

export interface DecoderDescription {
  readonly config: ModelConfig;
  /** Of the norms. */
  readonly epsilon: number;
  /** Of the gate. */
  readonly activation: Activation;
  /** Whether the unembedding is the token table. */
  readonly tied: boolean;
  /** Factor on attention's scores; 1 / √headSize when absent. */
  readonly attentionScale?: number;
  /** Projections with biases; none when absent. */
  readonly biases?: { readonly queryKeyValue?: boolean; readonly attentionOutput?: boolean; readonly mlp?: boolean };
  /** Whether queries, keys and values come from one matrix, and gate and up from another (Phi-3). */
  readonly fused?: boolean;
  /** Whether queries and keys are normalised head by head before they are turned (Qwen3, Gemma 3). */
  readonly headNorms?: boolean;
  /** Whether norms multiply by 1 + weight, and what attention and the MLP make is normalised before it is added (Gemma). */
  readonly gemmaNorms?: boolean;
  /** Bounds of attention's scores and of the logits (Gemma 2); null where there is none. */
  readonly softCaps?: { readonly attention: number | null; readonly logits: number | null };
}

const PREFIX = 'model.';
const TOKEN_TABLE = 'embed_tokens.weight';

export class DecoderFamily implements Family {
  readonly config: ModelConfig;
  readonly #description: DecoderDescription;
  readonly #prefix: string;
  readonly #unembedding: string;

  constructor(description: DecoderDescription, tensors: TensorNames) {
    this.config = description.config;
    this.#description = description;
    this.#prefix = prefixIn(tensors, PREFIX, TOKEN_TABLE);
    this.#unembedding = unembeddingIn(tensors, {
      tied: description.tied,
      heads: ['lm_head.weight'],
      tokenTable: this.#prefix + TOKEN_TABLE,
    });
  }

  embed(g: GraphBuilder, ids: Value, _positions: Value, weight: WeightInputs): Value {
    const rows = g.gather(weight('embed_tokens'), ids, 0);
    const { embeddingScale = 1 } = this.config;
    return embeddingScale === 1 ? rows : g.mul(rows, g.scalar(embeddingScale));
  }

  block(g: GraphBuilder, _kind: LayerKind, io: BlockIo): Value {
    const { headSize, rotarySize } = this.config;
    const { activation, attentionScale, biases, gemmaNorms, headNorms, softCaps } = this.#description;
    const norm = (x: Value, name: string): Value => this.#norm(g, x, io.weight(`${name}.weight`));
    const added = (x: Value, name: string): Value => (gemmaNorms ? norm(x, name) : x);
    const turned = (x: Value, name: string): Value =>
      rotateHalves(g, headNorms ? norm(x, `self_attn.${name}`) : x, io.rotary(), rotarySize);

    const [query, key, value] = this.#queryKeyValue(g, norm(io.hidden, 'input_layernorm'), io.weight);
    const scale = attentionScale ?? 1 / Math.sqrt(headSize);
    const merged = io.attend(turned(query, 'q_norm'), turned(key, 'k_norm'), value, scale, softCaps?.attention);
    const attended = project(g, merged, 'self_attn.o_proj', io.weight, biases?.attentionOutput);
    const middle = g.add(io.hidden, io.attention(added(attended, 'post_attention_layernorm')));

    const y = norm(middle, gemmaNorms ? 'pre_feedforward_layernorm' : 'post_attention_layernorm');
    const [gate, up] = this.#gateUp(g, y, io.weight);
    const mlpKey = io.mlpKey(g.mul(activate(g, gate, activation), up));
    const down = project(g, mlpKey, 'mlp.down_proj', io.weight, biases?.mlp);
    return g.add(middle, io.mlp(added(down, 'post_feedforward_layernorm')));
  }

  head(g: GraphBuilder, hidden: Value, weight: WeightInputs): Value {
    const logits = g.matmulTransposed(this.#norm(g, hidden, weight('norm.weight')), weight('unembedding'));
    const cap = this.#description.softCaps?.logits ?? null;
    return cap === null ? logits : softCap(g, logits, cap);
  }

  embeddingWeights(): WeightBinding[] {
    const { vocabularySize, hiddenSize } = this.config;
    const tensor = this.#prefix + TOKEN_TABLE;
    return [{ input: 'embed_tokens', tensor, shape: [vocabularySize, hiddenSize], table: true }];
  }

  blockWeights(layer: number): WeightBinding[] {
    const { hiddenSize: d, intermediateSize: f, headCount, keyValueHeadCount, headSize } = this.config;
    const { biases = {}, fused, gemmaNorms, headNorms } = this.#description;
    const [q, kv] = [headCount * headSize, keyValueHeadCount * headSize];
    return bindingsBelow(`${this.#prefix}layers.${layer}.`, {
      'input_layernorm.weight': [d],
      ...(fused
        ? matrix('self_attn.qkv_proj', q + 2 * kv, d, biases.queryKeyValue)
        : {
            ...matrix('self_attn.q_proj', q, d, biases.queryKeyValue),
            ...matrix('self_attn.k_proj', kv, d, biases.queryKeyValue),
            ...matrix('self_attn.v_proj', kv, d, biases.queryKeyValue),
          }),
      ...(headNorms && { 'self_attn.q_norm.weight': [headSize], 'self_attn.k_norm.weight': [headSize] }),
      ...matrix('self_attn.o_proj', d, q, biases.attentionOutput),
      'post_attention_layernorm.weight': [d],
      ...(gemmaNorms && { 'pre_feedforward_layernorm.weight': [d], 'post_feedforward_layernorm.weight': [d] }),
      ...(fused
        ? matrix('mlp.gate_up_proj', 2 * f, d, biases.mlp)
        : { ...matrix('mlp.gate_proj', f, d, biases.mlp), ...matrix('mlp.up_proj', f, d, biases.mlp) }),
      ...matrix('mlp.down_proj', d, f, biases.mlp),
    });
  }

  headWeights(): WeightBinding[] {
    const { vocabularySize, hiddenSize } = this.config;
    return [
      { input: 'norm.weight', tensor: `${this.#prefix}norm.weight`, shape: [hiddenSize] },
      { input: 'unembedding', tensor: this.#unembedding, shape: [vocabularySize, hiddenSize], table: true },
    ];
  }

  projections(layer: number): Readonly<Record<ProjectionRole, Projection>> {
    return {
      'mlp-output': { tensor: `${this.#prefix}layers.${layer}.mlp.down_proj.weight`, fanInFanOut: false },
    };
  }

  #norm(g: GraphBuilder, x: Value, weight: Value): Value {
    const { gemmaNorms, epsilon } = this.#description;
    return g.rmsNorm(x, gemmaNorms ? g.add(weight, g.scalar(1)) : weight, epsilon);
  }

  /** [batch, heads, sequence, headSize] each. */
  #queryKeyValue(g: GraphBuilder, x: Value, weight: WeightInputs): Value[] {
    const { headCount, keyValueHeadCount, headSize } = this.config;
    const { biases, fused } = this.#description;
    const counts = [headCount, keyValueHeadCount, keyValueHeadCount];
    const projected = (name: string): Value => project(g, x, `self_attn.${name}`, weight, biases?.queryKeyValue);
    const sizes = counts.map((count) => count * headSize);
    const parts = fused ? g.split(projected('qkv_proj'), 2, sizes) : ['q_proj', 'k_proj', 'v_proj'].map(projected);
    return parts.map((part, i) => splitHeads(g, part, counts[i], headSize));
  }

  /** [batch, sequence, F] each. */
  #gateUp(g: GraphBuilder, x: Value, weight: WeightInputs): Value[] {
    const { intermediateSize: f } = this.config;
    const { biases, fused } = this.#description;
    const projected = (name: string): Value => project(g, x, `mlp.${name}`, weight, biases?.mlp);
    return fused ? g.split(projected('gate_up_proj'), 2, [f, f]) : ['gate_proj', 'up_proj'].map(projected);
  }
}

function project(g: GraphBuilder, x: Value, name: string, weight: WeightInputs, biased = false): Value {
  return linear(g, x, { weight: weight(`${name}.weight`), bias: biased ? weight(`${name}.bias`) : null });
}

/** Shapes of a projection's tensors. */
function matrix(name: string, rows: number, columns: number, biased = false): Record<string, number[]> {
  return { [`${name}.weight`]: [rows, columns], ...(biased && { [`${name}.bias`]: [rows] }) };
}
