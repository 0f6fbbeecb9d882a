/** What the waterfall of residuals is drawn from. */
import { describe, expect, it } from 'vitest';
import { closedBy, closedSoFar } from '../../../src/app/run/residuals.ts';

const residuals = [
  { edit: 0, layer: 3, before: 10, after: 6 },
  { edit: 0, layer: 4, before: 6, after: 1 },
  { edit: 1, layer: 3, before: 4, after: 4 },
  { edit: 1, layer: 4, before: 4, after: 2 },
];

describe('the residual that is closed', () => {
  it('is an edit’s own, or the mean', () => {
    expect(closedBy(residuals, 1)).toEqual([
      { layer: 3, before: 4, after: 4 },
      { layer: 4, before: 4, after: 2 },
    ]);
    expect(closedBy(residuals, null)).toEqual([
      { layer: 3, before: 7, after: 5 },
      { layer: 4, before: 5, after: 1.5 },
    ]);
  });

  it('is known up to the layer that measured last, while a run goes on', () => {
    const report = { updateNorm: 1, weightNorm: 1, ratio: 1, relativeResidual: 0, seconds: 1 };
    const reports = [7, 5].map((meanResidual, i) => ({ ...report, layer: i + 3, meanResidual }));
    expect(closedSoFar(reports)).toEqual([
      { layer: 3, before: 7, after: 5 },
      { layer: 4, before: 5, after: null },
    ]);
  });
});
