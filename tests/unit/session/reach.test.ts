/** How far a change reaches: against plain sums over keys, and the likeness of keys against the inverse of C. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runReportSchema } from '../../../src/engine/methods/report.ts';
import { projectionOf } from '../../../src/engine/families/family.ts';
import { batchOf, forwardRows } from '../../../src/engine/model/forward.ts';
import { BLOCK_OUTPUTS } from '../../../src/engine/model/graphs.ts';
import { applyPatches } from '../../../src/engine/patches/apply.ts';
import type { Patch } from '../../../src/engine/patches/patch.ts';
import { runEdit } from '../../../src/engine/session/editing.ts';
import { cosines, measureReach, spreadOf } from '../../../src/engine/session/reach.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';
import { locateSubject } from '../../../src/engine/tokens/lookup.ts';
import type { EditRequest } from '../../../src/engine/tokens/request.ts';
import { CancelledError } from '../../../src/engine/errors.ts';
import { DEMO_MODEL, openModel } from '../support.ts';
import { randomFloats } from '../weights/support.ts';

const requests: EditRequest[] = [
  {
    prompt: 'The mother tongue of {} is',
    subject: 'Jean Gaven',
    targetNew: 'Russian',
    targetTrue: 'French',
    relationId: 'P103',
  },
  { prompt: '{} plays the instrument', subject: 'Toko Yasuda', targetNew: 'violin' },
];

describe('spreadOf', () => {
  it('gives quartiles and the largest, or nothing of nothing', () => {
    expect(spreadOf([])).toBeNull();
    expect(spreadOf([5, 1, 3, 2, 4])).toEqual({ low: 2, median: 3, high: 4, most: 5, count: 5 });
  });
});

describe('cosines', () => {
  it('are those of G, from M = G(1 + G)⁻¹', () => {
    const [n, width] = [5, 7];
    const keys = randomFloats(n * width, 3);
    const dot = (i: number, j: number): number =>
      Array.from({ length: width }, (_, k) => keys[i * width + k] * keys[j * width + k]).reduce((a, b) => a + b) / 50;
    const g = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (__, j) => dot(i, j)));
    const actual = cosines(Float32Array.from(timesInverse(g).flat()), n);
    for (let i = 0; i < n; i += 1)
      for (let j = 0; j < n; j += 1) expect(actual[i][j]).toBeCloseTo(g[i][j] / Math.sqrt(g[i][i] * g[j][j]), 4);
  });
});

/** G(1 + G)⁻¹ by its series, which converges for a small G. */
function timesInverse(g: number[][]): number[][] {
  const n = g.length;
  let [sum, power, sign] = [g.map((row) => row.map(() => 0)), g, 1];
  for (let term = 0; term < 60; term += 1) {
    sum = sum.map((row, i) => row.map((value, j) => value + sign * power[i][j]));
    power = power.map((row) =>
      Array.from({ length: n }, (_, j) => row.reduce((at, value, k) => at + value * g[k][j], 0)),
    );
    sign = -sign;
  }
  return sum;
}

describe('the reach of a patch of the demo model', () => {
  let session: ModelSession;
  let patch: Patch;
  beforeAll(async () => {
    session = await openModel(DEMO_MODEL);
    const { settings } = session.preset('memit');
    patch = await runEdit(session, requests, { ...settings, steps: 8, layers: [1, 2] }, { contexts: ['{}'] });
    await session.add(patch);
  });
  afterAll(() => session.dispose());

  it('is large for the edits’ keys, small for those of ordinary text', async () => {
    const progress: string[] = [];
    const { layers, edits } = await measureReach(session, patch.id, {}, (done, total) =>
      progress.push(`${done}/${total}`),
    );
    expect(edits).toBe(2);
    expect(layers.map(({ layer }) => layer)).toEqual([1, 2]);
    expect(progress.at(-1)).toBe('2/2');
    for (const { layer, edits: own, neighbours, text, likeness, singularValues, norm } of layers) {
      // Of two edits: both values are all of ΔW.
      expect(singularValues).toHaveLength(2);
      expect(Math.hypot(...singularValues) / norm).toBeCloseTo(1, 5);
      const { updateNorm } = runReportSchema.parse(patch.report).layers.find((each) => each.layer === layer)!;
      expect(norm / updateNorm).toBeCloseTo(1, 4);
      expect(own.count).toBe(2);
      expect(neighbours!.count).toBe(3);
      expect(text!.count).toBeGreaterThan(500);
      expect(own.median).toBeGreaterThan(3 * text!.median);
      expect(own.median).toBeGreaterThan(neighbours!.median);
      expect(likeness!.map((row) => row.length)).toEqual([2, 2]);
      expect(likeness![0][0]).toBe(1);
      expect(Math.abs(likeness![0][1])).toBeLessThan(1);
      expect(likeness![0][1]).toBeCloseTo(likeness![1][0], 6);
    }
  });

  it('is ‖ΔW k‖ / ‖W k‖ of the keys of the edited model', async () => {
    const { model, tokenizer } = session;
    const { intermediateSize: width } = model.config;
    const edited = await applyPatches(model, [patch]);
    const { layers } = await measureReach(session, patch.id);
    for (const { layer, edits } of layers) {
      const { tensor, fanInFanOut } = projectionOf(model.family, layer, 'mlp-output');
      const [base, changed] = [model.weights.get(tensor).floats, edited.get(tensor).floats];
      const shares: number[] = [];
      for (const { prompt, subject } of requests) {
        const { ids, lookupIndex } = locateSubject(tokenizer, prompt, subject);
        let key = new Float32Array(0);
        await forwardRows(model, edited, batchOf([ids]), {
          through: layer,
          taps: (at) => (at === layer ? [BLOCK_OUTPUTS.key] : []),
          onTap: (_, outputs) => {
            key = outputs[BLOCK_OUTPUTS.key]!.floats.slice(lookupIndex * width, (lookupIndex + 1) * width);
            return Promise.resolve();
          },
        });
        const out = base.length / width;
        const normOf = (weight: (at: number) => number): number => {
          let squares = 0;
          for (let d = 0; d < out; d += 1) {
            let sum = 0;
            for (let f = 0; f < width; f += 1) sum += key[f] * weight(fanInFanOut ? f * out + d : d * width + f);
            squares += sum * sum;
          }
          return Math.sqrt(squares);
        };
        shares.push(normOf((at) => changed[at] - base[at]) / normOf((at) => base[at]));
      }
      expect(Math.abs(Math.max(...shares) / edits.most - 1)).toBeLessThan(1e-3);
      expect(Math.abs(Math.min(...shares) / edits.low - 1)).toBeLessThan(1e-3);
    }
    edited.dispose();
  });

  it('hears a cancel', async () => {
    const abort = new AbortController();
    const measuring = measureReach(session, patch.id, { signal: abort.signal }, (done) => {
      if (done === 1) abort.abort();
    });
    await expect(measuring).rejects.toBeInstanceOf(CancelledError);
  });
});
