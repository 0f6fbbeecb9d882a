/** What a trace is made of: windows, runs, position classes, means with intervals, and the proposed layers. */
import { describe, expect, it } from 'vitest';
import { TraceAverage } from '../../../src/engine/tracing/average.ts';
import { proposeBand } from '../../../src/engine/tracing/band.ts';
import { LayerMeans } from '../../../src/engine/tracing/layer-means.ts';
import { positionsOf } from '../../../src/engine/tracing/positions.ts';
import { restorationsOf } from '../../../src/engine/tracing/restorations.ts';
import {
  gridsOf,
  TRACE_DEFAULTS,
  windowAround,
  windowOf,
  type GridSpec,
} from '../../../src/engine/tracing/settings.ts';
import type { PromptTrace } from '../../../src/engine/tracing/trace.ts';

const hidden: GridSpec = { kind: 'hidden', severed: 'none' };
const severedMlp: GridSpec = { kind: 'hidden', severed: 'mlp' };

describe('the window of layers', () => {
  it.each([
    { layer: 6, window: 10, layers: [1, 11] },
    { layer: 0, window: 10, layers: [0, 5] },
    { layer: 11, window: 10, layers: [6, 12] },
    { layer: 4, window: 3, layers: [3, 6] },
    { layer: 4, window: 1, layers: [4, 5] },
  ])('of $window around layer $layer of 12 is $layers', ({ layer, window, layers }) => {
    expect(windowAround(layer, window, 12)).toEqual(layers);
  });

  it.each([
    { layerCount: 48, window: 10 },
    { layerCount: 30, window: 6 },
    { layerCount: 8, window: 2 },
    { layerCount: 4, window: 2 },
    { layerCount: 28, window: 6 },
    { layerCount: 80, window: 17 },
  ])('is $window of $layerCount where none is chosen', ({ layerCount, window }) => {
    expect(windowOf(layerCount)).toBe(window);
  });
});

describe('the restored runs', () => {
  it('fill every cell once', () => {
    const grids = gridsOf(TRACE_DEFAULTS);
    const cells = restorationsOf(grids, 8, 10).flatMap((run) => run.cells.map(({ grid, layer }) => `${grid} ${layer}`));
    expect(cells.length).toBe(grids.length * 8);
    expect(new Set(cells).size).toBe(cells.length);
  });

  it('are one for windows that are the same, and for severing where nothing is above', () => {
    // 8 layers and a window of 10: [0, 5) … [0, 8), [1, 8) … [2, 8): 4 + 2 distinct windows a part.
    expect(restorationsOf([{ kind: 'mlp', severed: 'none' }], 8, 10).length).toBe(6);
    expect(restorationsOf([hidden, severedMlp], 8, 10).length).toBe(15);
  });

  it('give the parts of a layer what their kind says', () => {
    const [intact, severed] = [hidden, severedMlp].map((grid) => restorationsOf([grid], 4, 2)[1]);
    expect([intact.from, intact.cleanState, intact.given('mlp', 3)]).toEqual([2, true, null]);
    expect([severed.given('mlp', 3), severed.given('attention', 3)]).toEqual(['corrupted', null]);
    const attention = restorationsOf([{ kind: 'attention', severed: 'none' }], 4, 2)[2];
    expect([attention.from, attention.cleanState]).toEqual([1, false]);
    expect([0, 1, 2, 3].map((layer) => attention.given('attention', layer))).toEqual([null, 'clean', 'clean', null]);
    expect(attention.given('mlp', 1)).toBeNull();
  });
});

describe('position classes', () => {
  it.each([
    {
      length: 7,
      subject: [1, 4],
      says: 'before subject, first subject, middle subject, last subject, first after, further, last',
    },
    { length: 3, subject: [0, 1], says: 'last subject, first after, last' },
    { length: 2, subject: [0, 2], says: 'first subject, last subject' },
    { length: 4, subject: [1, 3], says: 'before subject, first subject, last subject, last' },
    { length: 1, subject: [0, 1], says: 'last subject' },
  ] as const)('of $length tokens with subject $subject', ({ length, subject, says }) => {
    expect(positionsOf(length, subject).join(', ')).toBe(says);
  });
});

describe('means per layer', () => {
  it('have the interval of the textbook', () => {
    const cases = [
      [0.1, 0.9],
      [0.4, 0.7],
      [0.2, 0.2],
    ];
    const means = new LayerMeans(2);
    cases.forEach((values) => {
      means.add(values);
    });
    [0, 1].forEach((layer) => {
      const values = cases.map((row) => row[layer]);
      const mean = values.reduce((a, b) => a + b) / 3;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 2;
      expect(means.mean()[layer]).toBeCloseTo(mean, 12);
      expect(means.interval()[layer]).toBeCloseTo((1.96 * Math.sqrt(variance)) / Math.sqrt(3), 12);
    });
  });

  it('have none for a single case', () => {
    const means = new LayerMeans(1);
    means.add([0.5]);
    expect(means.interval()).toEqual([0]);
  });
});

describe('the average over facts', () => {
  /** Tokens × layers of one hidden grid and the severed one. */
  function traceOf(low: number, high: number, scores: number[][], severed: number[][]): PromptTrace {
    return { grids: [hidden, severedMlp], low, high, scores: [scores, severed] } as unknown as PromptTrace;
  }

  it('takes effects by class, a fact once, and counts what was skipped', () => {
    const average = new TraceAverage([hidden, severedMlp], 2);
    const flat = [[0.1], [0.1], [0.1], [0.1], [0.1]].map(([x]) => [x, x]);
    // Two middle tokens: their mean is one case.
    average.add(
      traceOf(
        0.1,
        0.9,
        [
          [0.1, 0.1],
          [0.3, 0.1],
          [0.5, 0.1],
          [0.7, 0.5],
          [0.1, 0.9],
        ],
        flat,
      ),
      5,
      [0, 4],
    );
    average.add(
      traceOf(
        0.2,
        0.6,
        [
          [0.6, 0.3],
          [0.2, 0.6],
        ],
        [
          [0.3, 0.2],
          [0.2, 0.6],
        ],
      ),
      2,
      [0, 1],
    );
    average.skip();
    const result = average.result();
    expect([result.facts, result.skipped]).toEqual([2, 1]);
    expect(result.totalEffect.mean).toBeCloseTo(0.6, 12);
    const curve = (position: string, grid: GridSpec = hidden) =>
      result.curves.find((each) => each.position === position && each.severed === grid.severed)!;
    expect(curve('middle subject').facts).toBe(1);
    expect(curve('middle subject').effect[0]).toBeCloseTo(0.3, 12);
    expect(curve('last subject').facts).toBe(2);
    expect(curve('last subject').effect.map((x) => x.toFixed(6))).toEqual(['0.500000', '0.250000']);
    expect(curve('last subject', severedMlp).effect[0]).toBeCloseTo(0.05, 12);
    expect(result.curves.some(({ position }) => position === 'further')).toBe(false);
    expect(result.band?.layers).toEqual([0, 1]);
  });
});

describe('the proposed layers', () => {
  it('are those beside the peak that keep half of it', () => {
    const band = proposeBand([0.3, 0.4, 0.5, 0.3, 0.1, 0.4], [0.25, 0.1, 0.1, 0.05, 0.1, 0.1]);
    expect(band?.layers).toEqual([1, 2, 3]);
    expect(band?.reason).toContain('layer 2 brings back 50.0 points');
    expect(band?.reason).toContain('with its MLPs severed 10.0 points');
  });

  it('are one where no other does', () => {
    expect(proposeBand([0, 0.5, 0], [0, 0, 0])?.layers).toEqual([1]);
    expect(proposeBand([0, 0.5, 0], [0, 0, 0])?.reason).toContain('no layer beside it keeps half');
  });

  it('are none where severing takes next to nothing away', () => {
    expect(proposeBand([0.1, 0.2], [0.1, 0.3])).toBeNull();
    // What chance may be is no sign of a layer.
    expect(proposeBand([0.1, 0.5], [0.1, 0.2], [0, 0.31])).toBeNull();
    expect(proposeBand([0.1, 0.5], [0.1, 0.2], [0.5, 0.29])?.layers).toEqual([1]);
    expect(proposeBand([0.1, 0.2], [0.1, 0.195])).toBeNull();
  });

  it('are told without a minus before nothing', () => {
    expect(proposeBand([0.3, 0], [-0.00001, 0])?.reason).toContain('severed 0.0 points');
  });
});
