/** Reverse-mode differentiation: emits the backward ops of a graph into the same graph. */
import { GraphError } from '../errors.ts';
import type { GraphBuilder, Value } from './builder.ts';
import { showShape } from './shapes.ts';

export interface Seed {
  readonly value: Value;
  /** Gradient of the objective with respect to `value`, of its shape. */
  readonly gradient: Value;
}

/**
 * Gradients with respect to the values of `wrt`, in their order.
 * @throws GraphError when a value does not reach the seeds, or an op on the way has no gradient
 */
export function differentiate(builder: GraphBuilder, seeds: readonly Seed[], wrt: readonly Value[]): Value[] {
  // Only what depends on `wrt` needs a gradient.
  const relevant = new Set<Value>(wrt);
  const forward = [...builder.nodes];
  for (const node of forward) {
    if (node.inputs.some((input) => relevant.has(input))) for (const output of node.outputs) relevant.add(output);
  }
  const gradients = new Map<Value, Value>();
  const accumulate = (value: Value, gradient: Value): void => {
    const known = gradients.get(value);
    gradients.set(value, known ? builder.add(known, gradient) : gradient);
  };
  for (const { value, gradient } of seeds) {
    if (value.shape.join() !== gradient.shape.join()) {
      throw new GraphError(
        `The gradient of ${value.name} has shape ${showShape(gradient.shape)}, not ${showShape(value.shape)}.`,
      );
    }
    accumulate(value, gradient);
  }
  for (const node of forward.reverse()) {
    const outputGradients = node.outputs.map((output) => gradients.get(output) ?? null);
    if (outputGradients.every((gradient) => gradient === null)) continue;
    if (!node.outputs.some((output) => relevant.has(output))) continue;
    if (!node.vjp) throw new GraphError(`${node.name}: ${node.op} has no gradient.`);
    node.vjp(outputGradients).forEach((gradient, i) => {
      if (gradient && relevant.has(node.inputs[i])) accumulate(node.inputs[i], gradient);
    });
  }
  return wrt.map((value) => {
    const gradient = gradients.get(value);
    if (!gradient) throw new GraphError(`${value.name} does not reach the value that is differentiated.`);
    return gradient;
  });
}
