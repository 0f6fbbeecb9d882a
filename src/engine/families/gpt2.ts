/** GPT-2 (GPT2LMHeadModel): learned positions, pre-LayerNorm blocks, Conv1D weights stored [in, out], tied embeddings. */
import { z } from 'zod';
import { ModelError } from '../errors.ts';
import { GraphBuilder, type Dim, type Value } from '../graph/builder.ts';
import { differentiate } from '../graph/differentiate.ts';
import { BLOCK_OUTPUTS, type EditableProjection, type Family, type ModelConfig, type WeightBinding } from './family.ts';

const configSchema = z.object({
  model_type: z.literal('gpt2'),
  vocab_size: z.number().int().positive(),
  n_positions: z.number().int().positive(),
  n_embd: z.number().int().positive(),
  n_layer: z.number().int().positive(),
  n_head: z.number().int().positive(),
  n_inner: z.number().int().positive().nullish(),
  activation_function: z.enum(['gelu_new', 'gelu_pytorch_tanh', 'gelu']).default('gelu_new'),
  layer_norm_epsilon: z.number().positive().default(1e-5),
  scale_attn_weights: z.boolean().default(true),
  scale_attn_by_inverse_layer_idx: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(true),
});

type Gpt2Config = z.infer<typeof configSchema>;

const BLOCK_WEIGHTS = {
  ln_1_weight: 'ln_1.weight',
  ln_1_bias: 'ln_1.bias',
  c_attn_weight: 'attn.c_attn.weight',
  c_attn_bias: 'attn.c_attn.bias',
  attn_c_proj_weight: 'attn.c_proj.weight',
  attn_c_proj_bias: 'attn.c_proj.bias',
  ln_2_weight: 'ln_2.weight',
  ln_2_bias: 'ln_2.bias',
  c_fc_weight: 'mlp.c_fc.weight',
  c_fc_bias: 'mlp.c_fc.bias',
  mlp_c_proj_weight: 'mlp.c_proj.weight',
  mlp_c_proj_bias: 'mlp.c_proj.bias',
} as const;

type BlockWeight = keyof typeof BLOCK_WEIGHTS;

export class Gpt2Family implements Family {
  readonly config: ModelConfig;
  readonly #gpt2: Gpt2Config;
  readonly #prefix: string;

  /**
   * @param configJson the parsed config.json
   * @param tensorNames names in the weights file; they tell whether a "transformer." prefix is used
   * @throws ModelError when a setting is missing or not supported
   */
  constructor(configJson: unknown, tensorNames: ReadonlySet<string>) {
    const parsed = configSchema.safeParse(configJson);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw new ModelError(`config.json is not a usable GPT-2 configuration: ${issue.path.join('.')} ${issue.message}`);
    }
    const gpt2 = parsed.data;
    if (gpt2.n_embd % gpt2.n_head !== 0) {
      throw new ModelError(`config.json: n_embd ${gpt2.n_embd} is not a multiple of n_head ${gpt2.n_head}.`);
    }
    if (gpt2.scale_attn_by_inverse_layer_idx) {
      throw new ModelError('config.json: scale_attn_by_inverse_layer_idx is not supported.');
    }
    this.#gpt2 = gpt2;
    this.#prefix = tensorNames.has('transformer.wte.weight') ? 'transformer.' : '';
    this.config = {
      modelType: gpt2.model_type,
      layerCount: gpt2.n_layer,
      hiddenSize: gpt2.n_embd,
      intermediateSize: gpt2.n_inner ?? 4 * gpt2.n_embd,
      headCount: gpt2.n_head,
      headSize: gpt2.n_embd / gpt2.n_head,
      vocabularySize: gpt2.vocab_size,
      contextLength: gpt2.n_positions,
    };
  }

  embeddingGraph(): GraphBuilder {
    const g = new GraphBuilder('gpt2-embedding');
    const tokens = g.input('token_ids', 'int32', ['batch', 'sequence']);
    const positions = g.input('position_ids', 'int32', ['batch', 'sequence']);
    const [tokenTable, positionTable] = this.#inputs(g, this.embeddingWeights());
    g.output('hidden', g.add(g.gather(tokenTable, tokens, 0), g.gather(positionTable, positions, 0)));
    return g;
  }

  blockGraph({ past = false, overrides = false } = {}): GraphBuilder {
    const g = new GraphBuilder(`gpt2-block${past ? '-past' : ''}${overrides ? '-overrides' : ''}`);
    const outputs = this.#block(g, past, overrides);
    for (const name of Object.values(BLOCK_OUTPUTS)) g.output(name, outputs[name]);
    return g;
  }

  blockGradientGraph(past: boolean): GraphBuilder {
    const g = new GraphBuilder(past ? 'gpt2-block-past-gradient' : 'gpt2-block-gradient');
    const outputs = this.#block(g, past);
    const gradient = g.input('hidden_gradient', 'float32', ['batch', 'sequence', this.config.hiddenSize]);
    const [hiddenGradient] = differentiate(g, [{ value: outputs[BLOCK_OUTPUTS.hidden], gradient }], [outputs.hidden]);
    g.output('hidden_in_gradient', hiddenGradient);
    return g;
  }

  headGraph(): GraphBuilder {
    const g = new GraphBuilder('gpt2-head');
    g.output('logits', this.#head(g).logits);
    return g;
  }

  meanProbabilityGraph(): GraphBuilder {
    const g = new GraphBuilder('gpt2-mean-probability');
    const hidden = g.input('hidden', 'float32', ['cells', 'samples', this.config.hiddenSize]);
    g.output('probabilities', g.reduceMean(g.softmax(this.#logits(g, hidden)), [1], false));
    return g;
  }

  headGradientGraph(): GraphBuilder {
    const g = new GraphBuilder('gpt2-head-gradient');
    const { hidden, logits } = this.#head(g);
    const gradient = g.input('logits_gradient', 'float32', ['rows', this.config.vocabularySize]);
    g.output('hidden_gradient', differentiate(g, [{ value: logits, gradient }], [hidden])[0]);
    return g;
  }

  embeddingWeights(): WeightBinding[] {
    const { vocabularySize, contextLength, hiddenSize } = this.config;
    return [
      { input: 'wte', tensor: `${this.#prefix}wte.weight`, shape: [vocabularySize, hiddenSize] },
      { input: 'wpe', tensor: `${this.#prefix}wpe.weight`, shape: [contextLength, hiddenSize] },
    ];
  }

  blockWeights(layer: number): WeightBinding[] {
    const { hiddenSize: d, intermediateSize: f } = this.config;
    const shapes: Record<BlockWeight, number[]> = {
      ln_1_weight: [d],
      ln_1_bias: [d],
      c_attn_weight: [d, 3 * d],
      c_attn_bias: [3 * d],
      attn_c_proj_weight: [d, d],
      attn_c_proj_bias: [d],
      ln_2_weight: [d],
      ln_2_bias: [d],
      c_fc_weight: [d, f],
      c_fc_bias: [f],
      mlp_c_proj_weight: [f, d],
      mlp_c_proj_bias: [d],
    };
    return (Object.keys(BLOCK_WEIGHTS) as BlockWeight[]).map((input) => ({
      input,
      tensor: `${this.#prefix}h.${layer}.${BLOCK_WEIGHTS[input]}`,
      shape: shapes[input],
    }));
  }

  headWeights(): WeightBinding[] {
    const { vocabularySize, hiddenSize } = this.config;
    return [
      { input: 'ln_f_weight', tensor: `${this.#prefix}ln_f.weight`, shape: [hiddenSize] },
      { input: 'ln_f_bias', tensor: `${this.#prefix}ln_f.bias`, shape: [hiddenSize] },
      {
        input: 'unembedding',
        tensor: this.#gpt2.tie_word_embeddings ? `${this.#prefix}wte.weight` : 'lm_head.weight',
        shape: [vocabularySize, hiddenSize],
      },
    ];
  }

  editable(layer: number): EditableProjection {
    return { tensor: `${this.#prefix}h.${layer}.mlp.c_proj.weight`, transposed: true };
  }

  #inputs(g: GraphBuilder, bindings: readonly WeightBinding[]): Value[] {
    return bindings.map(({ input, shape }) => g.input(input, 'float32', shape));
  }

  #head(g: GraphBuilder): { hidden: Value; logits: Value } {
    const hidden = g.input('hidden', 'float32', ['rows', this.config.hiddenSize]);
    return { hidden, logits: this.#logits(g, hidden) };
  }

  #logits(g: GraphBuilder, hidden: Value): Value {
    const [scale, bias, unembedding] = this.#inputs(g, this.headWeights());
    return g.matmulTransposed(g.layerNorm(hidden, scale, bias, this.#gpt2.layer_norm_epsilon), unembedding);
  }

  #block(g: GraphBuilder, past: boolean, overrides = false): Record<string, Value> {
    const { hiddenSize, headCount, headSize } = this.config;
    const epsilon = this.#gpt2.layer_norm_epsilon;
    const hidden = g.input('hidden', 'float32', ['batch', 'sequence', hiddenSize]);
    const causalMask = g.input('causal_mask', 'float32', [1, 1, 'sequence', 'sequence']);
    const w = Object.fromEntries(
      this.blockWeights(0).map(({ input, shape }) => [input, g.input(input, 'float32', shape)]),
    ) as Record<BlockWeight, Value>;

    const normalized = g.layerNorm(hidden, w.ln_1_weight, w.ln_1_bias, epsilon);
    const qkv = g.add(g.matmul(normalized, w.c_attn_weight), w.c_attn_bias);
    const heads = (x: Value): Value =>
      g.transpose(g.reshape(x, ['batch', 'sequence', headCount, headSize]), [0, 2, 1, 3]);
    const [query, key, value] = g.split(qkv, 2, [hiddenSize, hiddenSize, hiddenSize]).map(heads);
    const scaledQuery = this.#gpt2.scale_attn_weights ? g.mul(query, g.scalar(1 / Math.sqrt(headSize))) : query;
    const scores = g.add(g.matmul(scaledQuery, g.transpose(key, [0, 1, 3, 2])), causalMask);

    const context = past ? this.#attendWithPast(g, scaledQuery, scores, value) : g.matmul(g.softmax(scores), value);
    const merged = g.reshape(g.transpose(context, [0, 2, 1, 3]), ['batch', 'sequence', hiddenSize]);
    const attended = g.add(g.matmul(merged, w.attn_c_proj_weight), w.attn_c_proj_bias);
    const attention = overrides ? this.#overridden(g, 'attention', attended) : attended;
    const middle = g.add(hidden, attention);

    const mlpInput = g.layerNorm(middle, w.ln_2_weight, w.ln_2_bias, epsilon);
    const inner = g.add(g.matmul(mlpInput, w.c_fc_weight), w.c_fc_bias);
    const mlpKey = g.gelu(inner, this.#gpt2.activation_function === 'gelu' ? 'none' : 'tanh');
    const projected = g.add(g.matmul(mlpKey, w.mlp_c_proj_weight), w.mlp_c_proj_bias);
    const mlp = overrides ? this.#overridden(g, 'mlp', projected) : projected;
    return {
      hidden,
      [BLOCK_OUTPUTS.hidden]: g.add(middle, mlp),
      [BLOCK_OUTPUTS.key]: mlpKey,
      [BLOCK_OUTPUTS.mlp]: mlp,
      [BLOCK_OUTPUTS.attention]: attention,
      [BLOCK_OUTPUTS.presentKey]: key,
      [BLOCK_OUTPUTS.presentValue]: value,
    };
  }

  /** What is computed where `keep` is 1, a given value where it is 0; with 1 everywhere, bit for bit what is computed. */
  #overridden(g: GraphBuilder, part: 'attention' | 'mlp', computed: Value): Value {
    const keep = g.input(`${part}_keep`, 'float32', ['batch', 'sequence', 1]);
    const value = g.input(`${part}_value`, 'float32', ['batch', 1, this.config.hiddenSize]);
    return g.add(g.mul(computed, keep), g.mul(value, g.sub(g.scalar(1), keep)));
  }

  /**
   * Attention over cached tokens and the suffix's own, as one softmax in two parts. Joining them with Concat would need
   * slices of run-time length in the gradient; the shift by the common maximum cancels, so it carries no gradient.
   */
  #attendWithPast(g: GraphBuilder, scaledQuery: Value, scores: Value, value: Value): Value {
    const { headCount, headSize } = this.config;
    const shape: Dim[] = ['batch', headCount, 'past', headSize];
    const pastKey = g.input('past_key', 'float32', shape);
    const pastValue = g.input('past_value', 'float32', shape);
    const pastMask = g.input('past_mask', 'float32', ['batch', 1, 1, 'past']);
    const pastScores = g.add(g.matmul(scaledQuery, g.transpose(pastKey, [0, 1, 3, 2])), pastMask);
    const peak = g.stopGradient(g.maximum(g.reduceMax(pastScores, [3], true), g.reduceMax(scores, [3], true)));
    const pastWeights = g.exp(g.sub(pastScores, peak));
    const weights = g.exp(g.sub(scores, peak));
    const total = g.add(g.reduceSum(pastWeights, [3], true), g.reduceSum(weights, [3], true));
    return g.div(g.add(g.matmul(pastWeights, pastValue), g.matmul(weights, value)), total);
  }
}
