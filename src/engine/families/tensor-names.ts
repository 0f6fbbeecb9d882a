/** Names of tensors, which differ between files of one family. */
import type { TensorNames, WeightBinding } from './family.ts';

/** The prefix of a causal model's tensors; none where the files hold the model below it (AutoModel's own names). */
export function prefixIn(tensors: TensorNames, prefix: string, tokenTable: string): string {
  return tensors.has(tokenTable) && !tensors.has(prefix + tokenTable) ? '' : prefix;
}

/** The unembedding's tensor. A head of its own counts, whatever the config says (transformers loads it so). */
export function unembeddingIn(
  tensors: TensorNames,
  { tied, heads, tokenTable }: { tied: boolean; heads: readonly string[]; tokenTable: string },
): string {
  return heads.find((head) => tensors.has(head)) ?? (tied ? tokenTable : heads[0]);
}

/** Bindings of inputs that are called as their tensors are below a prefix. */
export function bindingsBelow(prefix: string, shapes: Readonly<Record<string, readonly number[]>>): WeightBinding[] {
  return Object.entries(shapes).map(([input, shape]) => ({ input, tensor: `${prefix}${input}`, shape }));
}
