/** Ops that work element by element, with broadcasting where there are two operands. */
import type { GraphBuilder } from '../builder.ts';
import type { Value } from '../node.ts';
import { unbroadcast } from './broadcast.ts';
import { broadcastOf, expectFloat } from './checks.ts';

export function add(g: GraphBuilder, a: Value, b: Value): Value {
  return binary(
    g,
    'Add',
    a,
    b,
    (gradient) => gradient,
    (gradient) => gradient,
  );
}

export function sub(g: GraphBuilder, a: Value, b: Value): Value {
  return binary(
    g,
    'Sub',
    a,
    b,
    (gradient) => gradient,
    (gradient) => neg(g, gradient),
  );
}

export function mul(g: GraphBuilder, a: Value, b: Value): Value {
  return binary(
    g,
    'Mul',
    a,
    b,
    (gradient) => mul(g, gradient, b),
    (gradient) => mul(g, gradient, a),
  );
}

export function div(g: GraphBuilder, a: Value, b: Value): Value {
  return binary(
    g,
    'Div',
    a,
    b,
    (gradient) => div(g, gradient, b),
    (gradient, quotient) => neg(g, div(g, mul(g, gradient, quotient), b)),
  );
}

export function maximum(g: GraphBuilder, a: Value, b: Value): Value {
  return g.emit({ op: 'Max', inputs: [a, b], shape: broadcastOf(g, 'Max', a, b), vjp: null });
}

export function neg(g: GraphBuilder, x: Value): Value {
  return unary(g, 'Neg', x, (gradient) => neg(g, gradient));
}

export function exp(g: GraphBuilder, x: Value): Value {
  return unary(g, 'Exp', x, (gradient, out) => mul(g, gradient, out));
}

export function sqrt(g: GraphBuilder, x: Value): Value {
  return unary(g, 'Sqrt', x, (gradient, out) => div(g, mul(g, gradient, g.scalar(0.5)), out));
}

export function reciprocal(g: GraphBuilder, x: Value): Value {
  return unary(g, 'Reciprocal', x, (gradient, out) => neg(g, mul(g, gradient, mul(g, out, out))));
}

export function pow(g: GraphBuilder, x: Value, exponent: number): Value {
  expectFloat(g, 'Pow', x);
  return g.emit({
    op: 'Pow',
    inputs: [x, g.scalar(exponent)],
    shape: x.shape,
    vjp: (gradient) => [() => mul(g, mul(g, gradient, g.scalar(exponent)), pow(g, x, exponent - 1)), null],
  });
}

export function tanh(g: GraphBuilder, x: Value): Value {
  return unary(g, 'Tanh', x, (gradient, out) => mul(g, gradient, sub(g, g.scalar(1), mul(g, out, out))));
}

export function sigmoid(g: GraphBuilder, x: Value): Value {
  return unary(g, 'Sigmoid', x, (gradient, out) => mul(g, gradient, mul(g, out, sub(g, g.scalar(1), out))));
}

export function erf(g: GraphBuilder, x: Value): Value {
  const slope = (): Value => mul(g, g.scalar(2 / Math.sqrt(Math.PI)), exp(g, neg(g, mul(g, x, x))));
  return unary(g, 'Erf', x, (gradient) => mul(g, gradient, slope()));
}

export function silu(g: GraphBuilder, x: Value): Value {
  return mul(g, x, sigmoid(g, x));
}

export function gelu(g: GraphBuilder, x: Value, approximate: 'tanh' | 'none'): Value {
  expectFloat(g, 'Gelu', x);
  const slope = approximate === 'tanh' ? geluTanhSlope : geluSlope;
  return g.emit({
    op: 'Gelu',
    inputs: [x],
    shape: x.shape,
    attributes: { approximate },
    vjp: (gradient) => [() => mul(g, gradient, slope(g, x))],
  });
}

export function relu(g: GraphBuilder, x: Value): Value {
  return unary(g, 'Relu', x, (gradient) => select(g, positive(g, x), gradient, g.scalar(0)));
}

export function stopGradient(g: GraphBuilder, x: Value): Value {
  return g.emit({ op: 'Identity', inputs: [x], shape: x.shape, vjp: 'constant' });
}

/** Φ(x) + x·φ(x), of the normal distribution. */
function geluSlope(g: GraphBuilder, x: Value): Value {
  const half = g.scalar(0.5);
  const cdf = mul(g, half, add(g, g.scalar(1), erf(g, mul(g, x, g.scalar(Math.SQRT1_2)))));
  const density = mul(g, g.scalar(1 / Math.sqrt(2 * Math.PI)), exp(g, neg(g, mul(g, half, mul(g, x, x)))));
  return add(g, cdf, mul(g, x, density));
}

/** Derivative of 0.5·x·(1 + tanh u), u = √(2/π)·(x + 0.044715·x³). */
function geluTanhSlope(g: GraphBuilder, x: Value): Value {
  const [half, one] = [g.scalar(0.5), g.scalar(1)];
  const scale = g.scalar(Math.sqrt(2 / Math.PI));
  const square = mul(g, x, x);
  const cubic = (weight: number): Value => add(g, one, mul(g, g.scalar(weight), square));
  const t = tanh(g, mul(g, mul(g, x, scale), cubic(0.044715)));
  const innerSlope = mul(g, scale, cubic(3 * 0.044715));
  const left = mul(g, half, add(g, one, t));
  return add(g, left, mul(g, mul(g, mul(g, half, x), sub(g, one, mul(g, t, t))), innerSlope));
}

/** Whether each element is above 0. */
function positive(g: GraphBuilder, x: Value): Value {
  return g.emit({ op: 'Greater', inputs: [x, g.scalar(0)], type: 'bool', shape: x.shape, vjp: 'constant' });
}

/** a where a condition of its shape holds, else the scalar b. */
function select(g: GraphBuilder, condition: Value, a: Value, b: Value): Value {
  return g.emit({
    op: 'Where',
    inputs: [condition, a, b],
    type: a.type,
    shape: broadcastOf(g, 'Where', a, b),
    vjp: (gradient) => [null, () => select(g, condition, gradient, b), null],
  });
}

type ElementRule = (gradient: Value, out: Value) => Value;

function binary(g: GraphBuilder, op: string, a: Value, b: Value, left: ElementRule, right: ElementRule): Value {
  return g.emit({
    op,
    inputs: [a, b],
    shape: broadcastOf(g, op, a, b),
    vjp: (gradient, out) => [
      () => unbroadcast(g, left(gradient, out), a.shape),
      () => unbroadcast(g, right(gradient, out), b.shape),
    ],
  });
}

function unary(g: GraphBuilder, op: string, x: Value, rule: ElementRule): Value {
  expectFloat(g, op, x);
  return g.emit({ op, inputs: [x], shape: x.shape, vjp: (gradient, out) => [() => rule(gradient, out)] });
}
