/**
 * The graphs that run a model, made from a family's three pieces: forward passes, over cached tokens and with parts given from
 * outside as well, mean probabilities, and the gradients of all of it by differentiating the same graph.
 */
import { GraphError } from '../errors.ts';
import type { BlockIo, Family, LayerKind, WeightBinding, WeightInputs } from '../families/family.ts';
import type { RotaryValues } from '../families/rotary.ts';
import { GraphBuilder, type Dim, type Value } from '../graph/builder.ts';
import { differentiate } from '../graph/differentiate.ts';
import { attend, pastInputs } from './attention.ts';

/** Outputs of a block graph, by name. */
export const BLOCK_OUTPUTS = {
  /** The block's output, [batch, sequence, D]. */
  hidden: 'hidden_out',
  /** The MLP output projection's input (MEMIT's key), [batch, sequence, F]. */
  key: 'mlp_key',
  /** What the MLP adds to the residual stream, [batch, sequence, D]. */
  mlp: 'mlp_out',
  /** What attention adds to the residual stream, [batch, sequence, D]. */
  attention: 'attention_out',
  /** Attention keys of the given tokens, [batch, key–value heads, sequence, headSize]. */
  presentKey: 'present_key',
  /** Attention values of the given tokens, [batch, key–value heads, sequence, headSize]. */
  presentValue: 'present_value',
} as const;

export type BlockOutput = (typeof BLOCK_OUTPUTS)[keyof typeof BLOCK_OUTPUTS];

/** Variants of a block's graph. */
export interface BlockVariant {
  /** Over cached tokens: past_key and past_value [batch, key–value heads, past, headSize], past_mask. */
  readonly past?: boolean;
  /**
   * What attention and the MLP add is kept where attention_keep and mlp_keep [batch, sequence, 1] are 1, and is attention_value
   * or mlp_value [batch, 1, D] where they are 0.
   */
  readonly overrides?: boolean;
}

/** How a weight is given to a graph. */
export interface WeightForm {
  /** As float16; else float32. */
  readonly half: boolean;
  /** Rows of each of its blocks, which are inputs of their own ({@link blockInput}); one where it is whole. */
  readonly blocks: readonly number[];
}

/** Forms by the names of weights' inputs; those that are not named are whole, and float32. */
export type WeightForms = ReadonlyMap<string, WeightForm>;

const PLAIN: WeightForms = new Map();

/** The input that block `i` of a weight is given by. */
export function blockInput(input: string, i: number): string {
  return `${input}_block_${i}`;
}

/** token_ids, position_ids int32 [batch, sequence] → hidden [batch, sequence, D]. */
export function embeddingGraph(family: Family, forms = PLAIN): GraphBuilder {
  const g = new GraphBuilder(`${family.config.modelType}-embedding`);
  const ids = g.input('token_ids', 'int32', ['batch', 'sequence']);
  const positions = g.input('position_ids', 'int32', ['batch', 'sequence']);
  g.output('hidden', family.embed(g, ids, positions, weightInputs(g, family.embeddingWeights(), forms)));
  return g;
}

/**
 * hidden [batch, sequence, D], causal_mask [1, 1, sequence, sequence] (0 or a large negative number added to the scores) and, where
 * the family asks for them, position_ids int32 [batch, sequence], rotary_cos and rotary_sin [batch, 1, sequence, rotarySize / 2]
 * → {@link BLOCK_OUTPUTS}.
 */
export function blockGraph(family: Family, kind: LayerKind, variant: BlockVariant = {}, forms = PLAIN): GraphBuilder {
  const g = new GraphBuilder(`${family.config.modelType}-${blockLabel(kind, variant)}`);
  const { outputs } = forwardBlock(g, family, kind, variant, forms);
  for (const name of Object.values(BLOCK_OUTPUTS)) g.output(name, outputs[name]);
  return g;
}

/** The block's inputs and hidden_gradient [batch, sequence, D] → hidden_in_gradient; recomputes the forward pass. */
export function blockGradientGraph(family: Family, kind: LayerKind, past: boolean, forms = PLAIN): GraphBuilder {
  const g = new GraphBuilder(`${family.config.modelType}-${blockLabel(kind, { past })}-gradient`);
  const { hidden, outputs } = forwardBlock(g, family, kind, { past }, forms);
  const gradient = g.input('hidden_gradient', 'float32', hidden.shape);
  const [hiddenGradient] = differentiate(g, [{ value: outputs[BLOCK_OUTPUTS.hidden], gradient }], [hidden]);
  g.output('hidden_in_gradient', hiddenGradient);
  return g;
}

/** hidden [rows, D] → logits [rows, V]. */
export function headGraph(family: Family, forms = PLAIN): GraphBuilder {
  const g = new GraphBuilder(`${family.config.modelType}-head`);
  g.output('logits', forwardHead(g, family, ['rows'], forms).logits);
  return g;
}

/** hidden [cells, samples, D] → probabilities [cells, V], the mean over each cell's samples. */
export function meanProbabilityGraph(family: Family, forms = PLAIN): GraphBuilder {
  const g = new GraphBuilder(`${family.config.modelType}-mean-probability`);
  const { logits } = forwardHead(g, family, ['cells', 'samples'], forms);
  g.output('probabilities', g.reduceMean(g.softmax(logits), [1], false));
  return g;
}

/** hidden [rows, D], logits_gradient [rows, V] → hidden_gradient [rows, D]. */
export function headGradientGraph(family: Family, forms = PLAIN): GraphBuilder {
  const g = new GraphBuilder(`${family.config.modelType}-head-gradient`);
  const { hidden, logits } = forwardHead(g, family, ['rows'], forms);
  const gradient = g.input('logits_gradient', 'float32', logits.shape);
  g.output('hidden_gradient', differentiate(g, [{ value: logits, gradient }], [hidden])[0]);
  return g;
}

/** "block-full-past-overrides". */
export function blockLabel({ name }: LayerKind, { past = false, overrides = false }: BlockVariant): string {
  return `block-${name}${past ? '-past' : ''}${overrides ? '-overrides' : ''}`;
}

/** table [rows, width] in its form and ids int32 [count] → taken [count, width]. */
export function tableRowsGraph([rows, width]: readonly number[], form: WeightForm): GraphBuilder {
  const g = new GraphBuilder('table-rows');
  const table = weightInput(g, 'table', [rows, width], form);
  g.output('taken', g.gather(table, g.input('ids', 'int32', ['count']), 0));
  return g;
}

/** values, float16 → the same as float32. */
export function wideningGraph(shape: readonly number[]): GraphBuilder {
  const g = new GraphBuilder('widening');
  g.output('wide', g.widen(g.input('values', 'float16', shape)));
  return g;
}

function forwardHead(
  g: GraphBuilder,
  family: Family,
  rows: readonly string[],
  forms: WeightForms,
): { hidden: Value; logits: Value } {
  const hidden = g.input('hidden', 'float32', [...rows, family.config.hiddenSize]);
  return { hidden, logits: family.head(g, hidden, weightInputs(g, family.headWeights(), forms)) };
}

function forwardBlock(
  g: GraphBuilder,
  family: Family,
  kind: LayerKind,
  { past = false, overrides = false }: BlockVariant,
  forms: WeightForms,
): { hidden: Value; outputs: Record<string, Value> } {
  const { config } = family;
  const { hiddenSize } = config;
  const hidden = g.input('hidden', 'float32', ['batch', 'sequence', hiddenSize]);
  const causalMask = g.input('causal_mask', 'float32', [1, 1, 'sequence', 'sequence']);
  const cached = past ? pastInputs(g, config, kind) : null;
  const layer = config.layerKinds.findIndex(({ name }) => name === kind.name);
  const outputs: Record<string, Value> = {};
  let positions: Value | null = null;
  let rotary: RotaryValues | null = null;

  const io: BlockIo = {
    hidden,
    // An input only where it is used.
    get positions() {
      positions ??= g.input('position_ids', 'int32', ['batch', 'sequence']);
      return positions;
    },
    rotary: () => {
      if (!kind.rotary) throw new GraphError(`Graph ${g.name}: layers of the kind “${kind.name}” turn nothing.`);
      const shape: Dim[] = ['batch', 1, 'sequence', kind.rotary.frequencies.length];
      rotary ??= { cos: g.input('rotary_cos', 'float32', shape), sin: g.input('rotary_sin', 'float32', shape) };
      return rotary;
    },
    weight: weightInputs(g, family.blockWeights(layer), forms),
    attend: (query, key, value, scale, cap = null) => {
      outputs[BLOCK_OUTPUTS.presentKey] = key;
      outputs[BLOCK_OUTPUTS.presentValue] = value;
      return attend(g, config, { query, key, value, scale, cap, causalMask }, cached);
    },
    attention: (added) => {
      outputs[BLOCK_OUTPUTS.attention] = overrides ? overridden(g, 'attention', added, hiddenSize) : added;
      return outputs[BLOCK_OUTPUTS.attention];
    },
    mlpKey: (key) => {
      outputs[BLOCK_OUTPUTS.key] = key;
      return key;
    },
    mlp: (added) => {
      outputs[BLOCK_OUTPUTS.mlp] = overrides ? overridden(g, 'mlp', added, hiddenSize) : added;
      return outputs[BLOCK_OUTPUTS.mlp];
    },
  };
  outputs[BLOCK_OUTPUTS.hidden] = family.block(g, kind, io);
  const missing = Object.values(BLOCK_OUTPUTS).find((name) => !Object.hasOwn(outputs, name));
  if (missing !== undefined)
    throw new GraphError(`Graph ${g.name}: the block of this family does not tell ${missing}.`);
  return { hidden, outputs };
}

/** Declares the weights' inputs, in the order of the bindings; all of them come out as float32. */
function weightInputs(g: GraphBuilder, bindings: readonly WeightBinding[], forms: WeightForms): WeightInputs {
  const values = new Map(
    bindings.map(({ input, shape }) => {
      const form = forms.get(input) ?? { half: false, blocks: [shape[0]] };
      return [input, weightInput(g, input, shape, form)];
    }),
  );
  return (input) => {
    const value = values.get(input);
    if (!value) throw new GraphError(`Graph ${g.name} has no weight “${input}”.`);
    return value;
  };
}

/** Declares a weight's input, or those of its blocks. */
function weightInput(g: GraphBuilder, input: string, shape: readonly number[], { half, blocks }: WeightForm): Value {
  const declared = (name: string, rows: number): Value => {
    const dims = [rows, ...shape.slice(1)];
    return half ? g.widen(g.input(name, 'float16', dims)) : g.input(name, 'float32', dims);
  };
  if (blocks.length === 1) return declared(input, shape[0]);
  return g.concat(
    blocks.map((rows, i) => declared(blockInput(input, i), rows)),
    0,
  );
}

/** What is computed where `keep` is 1, a given value where it is 0; with 1 everywhere, bit for bit what is computed. */
function overridden(g: GraphBuilder, part: 'attention' | 'mlp', computed: Value, hiddenSize: number): Value {
  const keep = g.input(`${part}_keep`, 'float32', ['batch', 'sequence', 1]);
  const value = g.input(`${part}_value`, 'float32', ['batch', 1, hiddenSize]);
  return g.add(g.mul(computed, keep), g.mul(value, g.sub(g.scalar(1), keep)));
}
