/**
 * What an architecture contributes: its configuration, its forward graphs with weights as inputs, and the names of its
 * tensors. Everything else (batching, gradients, editing) is the same for all families.
 */
import type { GraphBuilder } from '../graph/builder.ts';

export interface ModelConfig {
  readonly modelType: string;
  readonly layerCount: number;
  /** D */
  readonly hiddenSize: number;
  /** F */
  readonly intermediateSize: number;
  readonly headCount: number;
  /** D / headCount */
  readonly headSize: number;
  readonly vocabularySize: number;
  readonly contextLength: number;
}

/** A weight as a graph input: the input's name, the tensor's name in the file, and its shape there. */
export interface WeightBinding {
  readonly input: string;
  readonly tensor: string;
  readonly shape: readonly number[];
}

/** The MLP's output projection of a layer: the matrix MEMIT edits. */
export interface EditableProjection {
  readonly tensor: string;
  /** True when the file stores it [F, D] (GPT-2's Conv1D), false for [D, F]. */
  readonly transposed: boolean;
}

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
  /** Attention keys of the given tokens, [batch, heads, sequence, headSize]. */
  presentKey: 'present_key',
  /** Attention values of the given tokens, [batch, heads, sequence, headSize]. */
  presentValue: 'present_value',
} as const;

export type BlockOutput = (typeof BLOCK_OUTPUTS)[keyof typeof BLOCK_OUTPUTS];

export interface Family {
  readonly config: ModelConfig;
  /** token_ids, position_ids int32 [batch, sequence] → hidden [batch, sequence, D]. */
  embeddingGraph(): GraphBuilder;
  /**
   * hidden [batch, sequence, D], causal_mask [1, 1, sequence, sequence] (0 or a large negative number added to the
   * scores) → BLOCK_OUTPUTS. With `past`, also past_key and past_value [batch, heads, past, headSize] and past_mask
   * [batch, 1, 1, past]: only the suffix tokens run. With `overrides`, what attention and the MLP add is kept where
   * attention_keep and mlp_keep [batch, sequence, 1] are 1, and is attention_value or mlp_value [batch, 1, D] where they are 0.
   */
  blockGraph(options?: { past?: boolean; overrides?: boolean }): GraphBuilder;
  /** The block's inputs and hidden_gradient [batch, sequence, D] → hidden_in_gradient; recomputes the forward pass. */
  blockGradientGraph(past: boolean): GraphBuilder;
  /** hidden [rows, D] → logits [rows, V]. */
  headGraph(): GraphBuilder;
  /** hidden [cells, samples, D] → probabilities [cells, V], the mean over each cell's samples. */
  meanProbabilityGraph(): GraphBuilder;
  /** hidden [rows, D], logits_gradient [rows, V] → hidden_gradient [rows, D]. */
  headGradientGraph(): GraphBuilder;
  embeddingWeights(): WeightBinding[];
  blockWeights(layer: number): WeightBinding[];
  headWeights(): WeightBinding[];
  editable(layer: number): EditableProjection;
}
