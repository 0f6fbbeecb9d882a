/** Tests of MEMIT's update, for any implementation. */
import { expect, it } from 'vitest';
import { expectBelow, relativeError } from '../compare.ts';
import { conditioned, gaussian, product, regularizedSolution } from './plain.ts';
import { type Implementation, type Tolerances, workspace } from './workspace.ts';

/** MEMIT's update, from one edit to more than the matrix is wide, off every tile size, at every condition number. */
export function testUpdates(open: () => Promise<Implementation>, tolerance: Tolerances): void {
  const work = workspace(open);
  const { matrix, values } = work;

  for (const [size, width] of [
    [77, 45],
    [130, 33],
  ]) {
    for (const condition of [1e3, 1e5, 1e7]) {
      for (const count of [1, 7, 64, 300]) {
        // The largest take longest: each size and each condition number once.
        if (count === 300 && (size === 130) !== (condition === 1e5)) continue;
        it(`gives the update of ${count} edits, statistics of ${size} at a condition number of ${condition}`, async () => {
          const c = conditioned(size, condition, size + count);
          const sample = gaussian(count);
          const [k, r] = [sample(count * size), sample(count * width)];
          const weight = 150;
          const covariance = matrix(c, size, size);
          const factor = await work.linalg.factorCovariance(covariance);
          const exact = product(r, regularizedSolution(c, weight, k, size), [width, size, count], true);
          for (const [route, known] of [
            ['direct', null],
            ['with the factor of C', factor],
          ] as const) {
            const { solution, relativeResidual } = await work.linalg.solveRegularized(
              covariance,
              weight,
              matrix(k, count, size),
              known,
            );
            const update = await work.linalg.matmul(matrix(r, count, width), work.track(solution), {
              transposeA: true,
            });
            expectBelow(
              `ΔW on ${work.linalg.device.kind}, ${route}, F = ${size}, u = ${count}, condition ${condition}`,
              relativeError(await values(update), exact),
              tolerance.update,
            );
            expect(relativeResidual).toBeLessThan(1e-7);
          }
          factor.dispose();
        });
      }
    }
  }
}
