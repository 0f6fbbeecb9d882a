/** Choices of the next token from logits: the most probable few, and top-k sampling. */

export interface RankedToken {
  readonly id: number;
  readonly logProbability: number;
}

/** The `count` most probable tokens, most probable first (ties: the lower id), with natural-log probabilities. */
export function topTokens(logits: Float32Array, count: number): RankedToken[] {
  const normalizer = logSumExp(logits);
  return largest(logits, count).map((id) => ({ id, logProbability: logits[id] - normalizer }));
}

/** The ids of the `count` largest values, largest first (ties: the lower id). */
export function largest(values: Float32Array, count: number): number[] {
  const best: number[] = [];
  for (let id = 0; id < values.length; id += 1) {
    if (best.length === count && values[id] <= values[best[count - 1]]) continue;
    let at = best.length;
    while (at > 0 && values[id] > values[best[at - 1]]) at -= 1;
    best.splice(at, 0, id);
    if (best.length > count) best.pop();
  }
  return best;
}

/** Natural-log probability of one token. */
export function logProbability(logits: Float32Array, id: number): number {
  return logits[id] - logSumExp(logits);
}

/** The most probable token (ties: the lower id). */
export function argmax(logits: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id += 1) if (logits[id] > logits[best]) best = id;
  return best;
}

/** Draws from the `k` most probable tokens, renormalised (reference: generate_fast). */
export function sampleTopK(logits: Float32Array, k: number, random: () => number): number {
  const top = largest(logits, k);
  const weights = top.map((id) => Math.exp(logits[id] - logits[top[0]]));
  let left = random() * weights.reduce((sum, weight) => sum + weight, 0);
  for (let i = 0; i < top.length; i += 1) {
    left -= weights[i];
    if (left < 0) return top[i];
  }
  return top[top.length - 1];
}

/** Natural-log probabilities of all tokens. */
export function logSoftmax(logits: Float32Array): Float32Array {
  const normalizer = logSumExp(logits);
  return logits.map((logit) => logit - normalizer);
}

function logSumExp(logits: Float32Array): number {
  let peak = -Infinity;
  for (const logit of logits) if (logit > peak) peak = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - peak);
  return peak + Math.log(sum);
}
