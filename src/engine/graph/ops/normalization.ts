/** Softmax, LayerNorm and RMSNorm, all over the last axis. */
import type { GraphBuilder } from '../builder.ts';
import type { Value } from '../node.ts';
import { unbroadcast } from './broadcast.ts';
import { axisOf, expectFloat, show } from './checks.ts';

export function softmax(g: GraphBuilder, x: Value): Value {
  expectFloat(g, 'Softmax', x);
  const last = axisOf(g, 'Softmax', x, -1);
  return g.emit({
    op: 'Softmax',
    inputs: [x],
    shape: x.shape,
    attributes: { axis: last },
    vjp: (gradient, out) => [
      () => {
        const weighted = g.mul(gradient, out);
        return g.sub(weighted, g.mul(out, g.reduceSum(weighted, [last], true)));
      },
    ],
  });
}

export function layerNorm(g: GraphBuilder, x: Value, scale: Value, bias: Value, epsilon: number): Value {
  const op = 'LayerNormalization';
  expectVectors(g, op, x, scale, bias);
  const statistics = [...x.shape.slice(0, -1), 1];
  const [out, mean, inverseDeviation] = g.emitAll({
    op,
    inputs: [x, scale, bias],
    shapes: [x.shape, statistics, statistics],
    optionalOutputs: 2,
    attributes: { axis: x.shape.length - 1, epsilon: { float: epsilon } },
    vjp: ([gradient, meanGradient, deviationGradient]) => {
      if (!gradient || meanGradient || deviationGradient) {
        g.fail(op, `the gradient of ${show(x)} cannot be differentiated again`);
      }
      const normalized = g.mul(g.sub(x, mean), inverseDeviation);
      return [
        () => {
          const last = x.shape.length - 1;
          const scaled = g.mul(gradient, scale);
          const centered = g.sub(scaled, g.reduceMean(scaled, [last], true));
          return g.mul(inverseDeviation, withoutComponent(g, centered, scaled, normalized));
        },
        () => unbroadcast(g, g.mul(gradient, normalized), scale.shape),
        () => unbroadcast(g, gradient, bias.shape),
      ];
    },
  });
  return out;
}

export function rmsNorm(g: GraphBuilder, x: Value, scale: Value, epsilon: number): Value {
  const op = 'SimplifiedLayerNormalization';
  expectVectors(g, op, x, scale);
  const last = x.shape.length - 1;
  return g.emit({
    op,
    inputs: [x, scale],
    shape: x.shape,
    attributes: { axis: last, epsilon: { float: epsilon } },
    vjp: (gradient) => {
      const meanSquare = g.reduceMean(g.mul(x, x), [last], true);
      const inverse = g.reciprocal(g.sqrt(g.add(meanSquare, g.scalar(epsilon))));
      const normalized = g.mul(x, inverse);
      return [
        () => {
          const scaled = g.mul(gradient, scale);
          return g.mul(inverse, withoutComponent(g, scaled, scaled, normalized));
        },
        () => unbroadcast(g, g.mul(gradient, normalized), scale.shape),
      ];
    },
  });
}

/** `from` less what `scaled` has along the normalized vector: changing x's length does not change the output. */
function withoutComponent(g: GraphBuilder, from: Value, scaled: Value, normalized: Value): Value {
  const along = g.reduceMean(g.mul(scaled, normalized), [normalized.shape.length - 1], true);
  return g.sub(from, g.mul(normalized, along));
}

function expectVectors(g: GraphBuilder, op: string, x: Value, ...vectors: Value[]): void {
  expectFloat(g, op, x, ...vectors);
  const misfit = vectors.find(({ shape }) => shape.length !== 1 || shape[0] !== x.shape.at(-1));
  if (misfit) g.fail(op, `${show(misfit)} does not fit the last axis of ${show(x)}`);
}
