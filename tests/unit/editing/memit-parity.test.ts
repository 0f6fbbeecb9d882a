/** MEMIT on the demo model against the PyTorch oracle: every step's loss, δ, keys, updates, and what the model then says. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runReportSchema, type RunReport } from '../../../src/engine/editing/report.ts';
import type { Patch } from '../../../src/engine/editing/patch.ts';
import type { MemitSettings } from '../../../src/engine/editing/settings.ts';
import { parseRequests } from '../../../src/engine/tokens/request.ts';
import type { Workbench } from '../../../src/engine/workbench.ts';
import { readFileSync } from 'node:fs';
import { DEMO_MODEL, golden, openModel, relativeError } from '../support.ts';

interface Prediction {
  id: number;
  logprob: number;
}

interface MemitGolden {
  settings: Omit<MemitSettings, 'seed'>;
  contexts: string[];
  statistics: { tokens: number; moments: { layer: number; norm: number; corner: number[][]; probe: number[] }[] };
  edits: {
    ids: number[][];
    lookup: number[];
    targetIds: number[];
    steps: { loss: number; nll: number; kl: number; decay: number; deltaNorm: number }[];
    h0Norm: number;
    deltaNorm: number;
  }[];
  layers: {
    layer: number;
    weightNorm: number;
    updateNorm: number;
    remainingNorms: number[];
    updateProbe: number[];
    updateCorner: number[][];
  }[];
  predictions: { prompt: string; before: Prediction[]; after: Prediction[] }[];
}

const oracle = golden<MemitGolden>('demo-memit');
let bench: Workbench;
let patch: Patch;
let report: RunReport;

beforeAll(async () => {
  bench = await openModel(DEMO_MODEL);
  const requests = parseRequests(readFileSync('tests/reference/data/demo-requests.json', 'utf8'));
  patch = await bench.edit(requests, { ...oracle.settings, seed: 0 }, { contexts: oracle.contexts });
  report = runReportSchema.parse(patch.report);
  bench.stack.push(patch);
}, 120_000);

afterAll(() => bench.dispose());

/** The fixed vector the oracle multiplies matrices with: v_j = sin(j + 1). */
function probe(size: number): number[] {
  return Array.from({ length: size }, (_, j) => Math.sin(j + 1));
}

describe('statistics', () => {
  it('that ship are the second moments of the text that ships', async () => {
    expect(report.statisticsTokens).toBe(oracle.statistics.tokens);
    for (const { layer, norm, corner, probe: product } of oracle.statistics.moments) {
      const { floats: matrix, dims } = await bench.covariances.covarianceOf(layer);
      const size = dims[0];
      expect(
        Math.hypot(...Array.from({ length: size }, (_, i) => Math.hypot(...matrix.subarray(i * size, (i + 1) * size)))),
      ).toBeCloseTo(norm, 4);
      corner.forEach((row, i) =>
        expect(relativeError(matrix.subarray(i * size, i * size + row.length), row)).toBeLessThan(1e-4),
      );
      const vector = probe(size);
      const actual = product.map((_, i) => vector.reduce((sum, value, j) => sum + value * matrix[i * size + j], 0));
      expect(relativeError(actual, product)).toBeLessThan(1e-4);
    }
  });
});

describe('targets', () => {
  it.each(oracle.edits.map((edit, i) => ({ i, edit })))('of edit $i follow the oracle step by step', ({ i, edit }) => {
    const losses = report.losses.filter((loss) => loss.edit === i);
    expect(losses.length).toBe(edit.steps.length);
    edit.steps.forEach((step, s) => {
      for (const term of ['loss', 'nll', 'kl', 'decay', 'deltaNorm'] as const) {
        // Terms that are almost nothing are compared against the loss they are part of.
        const scale = Math.max(Math.abs(step[term]), 1e-2 * step.loss);
        expect(Math.abs(losses[s][term] - step[term]) / scale, `${term} at step ${s}`).toBeLessThan(1e-3);
      }
    });
    const last = losses[losses.length - 1];
    expect(Math.abs(last.initialNorm - edit.h0Norm) / edit.h0Norm).toBeLessThan(1e-5);
    expect(Math.abs(last.deltaNorm - edit.deltaNorm) / edit.deltaNorm).toBeLessThan(1e-3);
  });
});

describe('updates', () => {
  it.each(oracle.layers.map((layer, i) => ({ i, name: layer.layer, layer })))(
    'of layer $name are those of the oracle',
    ({ i, layer }) => {
      const outcome = report.layers[i];
      const relative = (actual: number, expected: number): number => Math.abs(actual - expected) / expected;
      expect(outcome.layer).toBe(layer.layer);
      expect(relative(outcome.weightNorm, layer.weightNorm)).toBeLessThan(1e-5);
      expect(relative(outcome.updateNorm, layer.updateNorm)).toBeLessThan(1e-3);
      const mean = layer.remainingNorms.reduce((sum, norm) => sum + norm, 0) / layer.remainingNorms.length;
      expect(relative(outcome.meanResidual, mean)).toBeLessThan(1e-3);
      expect(outcome.relativeResidual).toBeLessThan(1e-10);

      const { residual, adjustedKeys, editCount, hiddenSize, innerSize } = patch.layers[i];
      const vector = probe(innerSize);
      const weights = Array.from({ length: editCount }, (_, e) =>
        vector.reduce((sum, value, f) => sum + value * adjustedKeys[e * innerSize + f], 0),
      );
      const product = Array.from({ length: hiddenSize }, (_, d) =>
        weights.reduce((sum, weight, e) => sum + weight * residual[e * hiddenSize + d], 0),
      );
      expect(relativeError(product, layer.updateProbe)).toBeLessThan(2e-3);
    },
  );
});

describe('the edited model', () => {
  it('says what the oracle says, before and after', async () => {
    const prompts = oracle.predictions.map(({ prompt }) => prompt);
    const after = await bench.predict(prompts);
    bench.stack.setEnabled(patch.id, false);
    const before = await bench.predict(prompts);
    bench.stack.setEnabled(patch.id, true);
    oracle.predictions.forEach((expected, i) => {
      for (const [actual, wanted] of [
        [before[i], expected.before],
        [after[i], expected.after],
      ] as const) {
        expect(actual[0].id).toBe(wanted[0].id);
        expect(Math.abs(actual[0].logProbability - wanted[0].logprob)).toBeLessThan(2e-3);
      }
    });
  });
});
