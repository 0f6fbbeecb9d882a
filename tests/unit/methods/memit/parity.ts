/** A run of MEMIT against the PyTorch oracle's: every step's loss, the statistics, the updates, and what the model then says. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { MemitSettings } from '../../../../src/engine/methods/memit/settings.ts';
import { runReportSchema, type RunReport } from '../../../../src/engine/methods/report.ts';
import type { Patch } from '../../../../src/engine/patches/patch.ts';
import { predict, promptIds } from '../../../../src/engine/session/asking.ts';
import { runEdit } from '../../../../src/engine/session/editing.ts';
import type { ModelSession } from '../../../../src/engine/session/session.ts';
import { parseRequests } from '../../../../src/engine/tokens/request.ts';
import { expectBelow, relativeError } from '../../compare.ts';
import { lowRank, nextTokenLogits } from '../../support.ts';

interface Prediction {
  id: number;
  logprob: number;
}

/** What memit_oracle.py writes; tests/reference/README.md says what each number is. */
export interface MemitGolden {
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
    delta: number[];
  }[];
  layers: {
    layer: number;
    weightNorm: number;
    updateNorm: number;
    remainingNorms: number[];
    keyNorms: number[];
    keyProbes: number[];
    residualProbes: number[];
    adjustedProbes: number[];
    updateProbe: number[];
    updateCorner: number[][];
  }[];
  logitStride: number;
  predictions: { prompt: string; before: Prediction[]; after: Prediction[]; logits: number[] }[];
}

/** The fixed vector the oracle multiplies matrices with: v_j = sin(j + 1). */
function probe(size: number): number[] {
  return Array.from({ length: size }, (_, j) => Math.sin(j + 1));
}

/**
 * @param name of the model, in the quantities that are printed
 * @param requests the file of requests the oracle was given
 */
export function testParity(
  name: string,
  oracle: MemitGolden,
  requests: string,
  open: () => Promise<ModelSession>,
): void {
  let bench: ModelSession;
  let patch: Patch;
  let report: RunReport;
  /** K of every layer, [u, F], as the solve is given it. */
  const keys: Float32Array[] = [];

  beforeAll(async () => {
    bench = await open();
    const { requests: edits } = parseRequests(readFileSync(requests, 'utf8'));
    const { linalg } = bench.model;
    const solve = linalg.solveRegularized.bind(linalg);
    vi.spyOn(linalg, 'solveRegularized').mockImplementation((...given) => {
      keys.push(Float32Array.from(given[2].floats));
      return solve(...given);
    });
    patch = await runEdit(
      bench,
      edits,
      { ...oracle.settings, seed: 0 },
      { contexts: oracle.contexts, statisticsTokens: Infinity },
    );
    report = runReportSchema.parse(patch.report);
    bench.stack.push(patch);
  });

  afterAll(() => bench.dispose());

  it('takes its statistics over the same text, to the same second moments', async () => {
    expect(report.statisticsTokens).toBe(oracle.statistics.tokens);
    let worst = 0;
    for (const { layer, norm, corner, probe: product } of oracle.statistics.moments) {
      const { floats: matrix, dims } = await bench.covariances.covarianceOf(layer);
      const size = dims[0];
      const actualNorm = Math.sqrt(matrix.reduce((sum, value) => sum + value * value, 0));
      const upperLeft = corner.flatMap((row, i) => [...matrix.subarray(i * size, i * size + row.length)]);
      const vector = probe(size);
      const products = product.map((_, i) => vector.reduce((sum, value, j) => sum + value * matrix[i * size + j], 0));
      worst = Math.max(
        worst,
        Math.abs(actualNorm - norm) / norm,
        relativeError(upperLeft, corner.flat()),
        relativeError(products, product),
      );
    }
    expectBelow(`${name}: second moments`, worst, 1e-4);
  });

  it.each(oracle.edits.map((edit, i) => ({ i, edit })))('follows edit $i step by step', ({ i, edit }) => {
    const losses = report.losses.filter((loss) => loss.edit === i);
    expect(losses.length).toBe(edit.steps.length);
    let worst = 0;
    edit.steps.forEach((step, s) => {
      for (const term of ['loss', 'nll', 'kl', 'decay', 'deltaNorm'] as const) {
        // Terms that are almost nothing are compared against the loss they are part of.
        const scale = Math.max(Math.abs(step[term]), 1e-2 * step.loss);
        const difference = Math.abs(losses[s][term] - step[term]) / scale;
        expect(difference, `${term} at step ${s}`).toBeLessThan(1e-3);
        worst = Math.max(worst, difference);
      }
    });
    expectBelow(`${name}: loss terms and ‖δ‖ of edit ${i} at every step`, worst, 1e-3);
    const last = losses[losses.length - 1];
    expectBelow(`${name}: ‖h0‖ of edit ${i}`, Math.abs(last.initialNorm - edit.h0Norm) / edit.h0Norm, 1e-5);
    // δ after all steps: no step is made after the last evaluation.
    expectBelow(`${name}: ‖δ‖ of edit ${i}`, Math.abs(last.deltaNorm - edit.deltaNorm) / edit.deltaNorm, 1e-3);
  });

  it.each(oracle.layers.map((layer, i) => ({ i, name: layer.layer, layer })))(
    'updates layer $name alike',
    ({ i, layer }) => {
      const outcome = report.layers[i];
      const relative = (actual: number, expected: number): number => Math.abs(actual - expected) / expected;
      expect(outcome.layer).toBe(layer.layer);
      // PyTorch sums the squares in float32.
      expect(relative(outcome.weightNorm, layer.weightNorm)).toBeLessThan(2e-5);
      expectBelow(`${name}: ‖ΔW‖ of layer ${layer.layer}`, relative(outcome.updateNorm, layer.updateNorm), 1e-3);
      const mean = layer.remainingNorms.reduce((sum, norm) => sum + norm, 0) / layer.remainingNorms.length;
      expect(relative(outcome.meanResidual, mean)).toBeLessThan(1e-3);
      expect(outcome.relativeResidual).toBeLessThan(1e-10);

      const { left: residual, right: adjustedKeys, rank, outSize: hiddenSize, inSize } = lowRank(patch.deltas[i]);
      const products = (rows: Float32Array, size: number): number[] =>
        Array.from({ length: rank }, (_, e) =>
          probe(size).reduce((sum, value, j) => sum + value * rows[e * size + j], 0),
        );
      const norms = layer.keyNorms.map((_, e) => Math.hypot(...keys[i].subarray(e * inSize, (e + 1) * inSize)));
      const where = `of layer ${layer.layer}, times a fixed vector`;
      expectBelow(`${name}: ‖k‖ of layer ${layer.layer}`, relativeError(norms, layer.keyNorms), 1e-4);
      expectBelow(`${name}: K ${where}`, relativeError(products(keys[i], inSize), layer.keyProbes), 1e-3);
      expectBelow(`${name}: R ${where}`, relativeError(products(residual, hiddenSize), layer.residualProbes), 1e-3);
      const weights = products(adjustedKeys, inSize);
      expectBelow(`${name}: A ${where}`, relativeError(weights, layer.adjustedProbes), 2e-3);
      const product = Array.from({ length: hiddenSize }, (_, d) =>
        weights.reduce((sum, weight, e) => sum + weight * residual[e * hiddenSize + d], 0),
      );
      const update = relativeError(product, layer.updateProbe);
      expectBelow(`${name}: ΔW ${where}`, update, 2e-3);
    },
  );

  it('says what the oracle says, before and after', async () => {
    const prompts = oracle.predictions.map(({ prompt }) => prompt);
    const after = await predict(bench, prompts);
    bench.stack.setEnabled(patch.id, false);
    const before = await predict(bench, prompts);
    bench.stack.setEnabled(patch.id, true);
    let worst = 0;
    oracle.predictions.forEach((expected, i) => {
      for (const [actual, wanted] of [
        [before[i], expected.before],
        [after[i], expected.after],
      ] as const) {
        expect(actual[0].id).toBe(wanted[0].id);
        worst = Math.max(worst, Math.abs(actual[0].logProbability - wanted[0].logprob));
      }
    });
    expectBelow(`${name}: log p of the top token, before and after`, worst, 2e-3);
  });

  it('has the oracle’s logits when edited', async () => {
    const rows = oracle.predictions.map(({ prompt }) => promptIds(bench, prompt));
    const logits = await nextTokenLogits(bench.model, await bench.weights(), rows);
    const errors = oracle.predictions.map(({ logits: expected }, i) => {
      const spread = Math.max(...logits[i]) - Math.min(...logits[i]);
      return Math.max(...expected.map((value, j) => Math.abs(logits[i][j * oracle.logitStride] - value))) / spread;
    });
    expectBelow(`${name}: logits of the edited model, against their spread`, Math.max(...errors), 1e-3);
  });
}
