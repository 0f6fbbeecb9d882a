/** Reverse-mode differentiation: emits the backward ops of a graph into the same graph. */
import { GraphError } from '../errors.ts';
import type { GraphBuilder } from './builder.ts';
import type { Value } from './node.ts';
import { widen } from './ops/broadcast.ts';
import { sameShape, showShape } from './shapes.ts';

export interface Seed {
  readonly value: Value;
  /** Gradient of the objective with respect to `value`, of its shape. */
  readonly gradient: Value;
}

/**
 * Gradients with respect to the values of `wrt`, in their order and of their shapes. Where several paths lead to a value,
 * their gradients are added.
 * @throws GraphError when a value is not float32 or does not reach the seeds, or an op on the way has no gradient
 */
export function differentiate(builder: GraphBuilder, seeds: readonly Seed[], wrt: readonly Value[]): Value[] {
  const integer = wrt.find(({ type }) => type !== 'float32');
  if (integer) throw new GraphError(`${integer.name} is ${integer.type}: only float32 values have gradients.`);

  const forward = [...builder.nodes];
  const relevant = dependents(forward, wrt);
  const gradients = new Map<Value, Value>();
  const accumulate = (value: Value, gradient: Value): void => {
    const known = gradients.get(value);
    gradients.set(value, known ? builder.add(known, gradient) : gradient);
  };
  const take = (value: Value): Value | null => {
    const gradient = gradients.get(value);
    return gradient ? widen(builder, gradient, value) : null;
  };

  for (const { value, gradient } of seeds) {
    if (!sameShape(value.shape, gradient.shape)) {
      throw new GraphError(
        `The gradient of ${value.name} has shape ${showShape(gradient.shape)}, not ${showShape(value.shape)}.`,
      );
    }
    if (relevant.has(value)) accumulate(value, gradient);
  }
  for (const { name, op, inputs, outputs, vjp } of forward.reverse()) {
    if (!outputs.some((output) => gradients.has(output))) continue;
    // A value of `wrt` has a gradient and may be computed by a node that depends on none of them.
    if (!inputs.some((input) => relevant.has(input))) continue;
    if (vjp === 'constant') continue;
    if (!vjp) throw new GraphError(`${name}: ${op} has no gradient.`);
    vjp(outputs.map(take)).forEach((rule, i) => {
      if (rule && relevant.has(inputs[i])) accumulate(inputs[i], rule());
    });
  }
  return wrt.map((value) => {
    const gradient = take(value);
    if (!gradient) throw new GraphError(`${value.name} does not reach the value that is differentiated.`);
    return gradient;
  });
}

/** The values of `wrt` and those that change with them: only these need gradients. */
function dependents(nodes: GraphBuilder['nodes'], wrt: readonly Value[]): Set<Value> {
  const found = new Set(wrt);
  for (const { inputs, outputs, vjp } of nodes) {
    if (vjp === 'constant' || !inputs.some((input) => found.has(input))) continue;
    for (const output of outputs) found.add(output);
  }
  return found;
}
