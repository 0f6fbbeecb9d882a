/** Tests that operands which do not fit are refused by every operation, for any implementation. */
import { describe, expect, it } from 'vitest';
import { GraphError } from '../../../src/engine/errors.ts';
import type { LinearAlgebra } from '../../../src/engine/linalg/linear-algebra.ts';
import type { Tensor } from '../../../src/engine/runtime/tensor.ts';
import { type Implementation, workspace } from './workspace.ts';

interface Operands {
  readonly linalg: LinearAlgebra;
  /** [2, 3] */
  readonly wide: Tensor;
  /** [3, 3] */
  readonly square: Tensor;
  /** [2] */
  readonly weights: Tensor;
  /** int32 [2] */
  readonly indices: Tensor;
}

const REFUSED: Readonly<Record<string, (operands: Operands) => Promise<unknown>>> = {
  matmul: ({ linalg, wide }) => linalg.matmul(wide, wide),
  addGram: ({ linalg, wide }) => linalg.addGram(wide, wide),
  cholesky: ({ linalg, wide }) => linalg.cholesky(wide),
  solveTriangular: ({ linalg, square, wide }) => linalg.solveTriangular(square, wide),
  factorCovariance: ({ linalg, wide }) => linalg.factorCovariance(wide),
  solveRegularized: ({ linalg, wide }) => linalg.solveRegularized(wide, 1, wide),
  crossEntropy: ({ linalg, wide, weights }) => linalg.crossEntropy(wide, weights, weights),
  klDivergence: ({ linalg, wide, square, weights }) => linalg.klDivergence(wide, square, weights),
  logSoftmax: ({ linalg, weights }) => linalg.logSoftmax(weights),
  gatherRows: ({ linalg, wide, weights }) => linalg.gatherRows(wide, weights),
  scatterAddRows: ({ linalg, wide, indices }) => linalg.scatterAddRows(wide, indices, wide),
  writeColumns: ({ linalg, wide, square }) => linalg.writeColumns(square, 0, wide),
  adamStep: ({ linalg, wide, square, weights }) =>
    linalg.adamStep({ delta: square, firstMoment: square, secondMoment: square }, wide, {
      step: 1,
      learningRate: 1,
      decay: weights,
      maxNorm: weights,
    }),
  rowNorms: ({ linalg, weights }) => linalg.rowNorms(weights),
  addScaled: ({ linalg, wide, square }) => linalg.addScaled(wide, 1, square, 1),
};

export function testOperands(open: () => Promise<Implementation>): void {
  const work = workspace(open);

  describe('operands that do not fit', () => {
    it.each(Object.entries(REFUSED))('are refused by %s, and left as they were', async (name, call) => {
      const wide = work.matrix(Float32Array.of(1, 2, 3, 4, 5, 6), 2, 3);
      const square = work.matrix(Float32Array.of(4, 1, 0, 1, 5, 1, 0, 1, 6), 3, 3);
      const weights = work.matrix(Float32Array.of(1, 2), 2);
      const operands = { linalg: work.linalg, wide, square, weights, indices: work.ints([0, 1]) };
      const error: unknown = await call(operands).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(GraphError);
      expect((error as GraphError).message).toMatch(new RegExp(`^${name}\\b`));
      expect([...(await work.values(wide))]).toEqual([1, 2, 3, 4, 5, 6]);
      expect([...(await work.values(square))]).toEqual([4, 1, 0, 1, 5, 1, 0, 1, 6]);
    });
  });
}
