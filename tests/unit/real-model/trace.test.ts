/**
 * The average trace of SmolLM2-135M-Instruct over 60 facts that it knows, at their last subject tokens, against PyTorch with the same noise;
 * where MEMIT_REAL_MODEL names its folder.
 */
import { describe, expect, it } from 'vitest';
import { referenceData } from '../../../src/cli/reference-data.ts';
import { gaussianOf, TRACE_DEFAULTS, type GridSpec } from '../../../src/engine/tracing/settings.ts';
import { drawNoise, RunStates } from '../../../src/engine/tracing/run-states.ts';
import { restorationsOf } from '../../../src/engine/tracing/restorations.ts';
import { sweepToken } from '../../../src/engine/tracing/sweep.ts';
import { argmax } from '../../../src/engine/model/sampling.ts';
import { expectBelow } from '../compare.ts';
import { golden, openModel, REAL_MODEL } from '../support.ts';

interface TraceGolden {
  noise: number;
  samples: number;
  window: number;
  /** Mean probability of the answer, clean and corrupted. */
  high: number;
  low: number;
  known_ids: number[];
  /** Mean indirect effect per layer. */
  hidden: number[];
  severedMlp: number[];
}

const GRIDS: GridSpec[] = [
  { kind: 'hidden', severed: 'none' },
  { kind: 'hidden', severed: 'mlp' },
];

describe.skipIf(REAL_MODEL === undefined)('SmolLM2-135M', () => {
  it('has the average indirect effects of PyTorch', async () => {
    const oracle = golden<TraceGolden>('smollm2-trace');
    const session = await openModel(REAL_MODEL!);
    const { model, tracer } = session;
    const { layerCount, hiddenSize } = model.config;
    const facts = new Map((await referenceData().prompts()).map((fact) => [fact.id, fact]));
    const restorations = restorationsOf(GRIDS, layerCount, oracle.window);
    const effects = GRIDS.map(() => new Float64Array(layerCount));
    let [high, low] = [0, 0];
    for (const id of oracle.known_ids) {
      const prompt = tracer.locate(facts.get(id)!);
      const [start, end] = prompt.subject;
      const gaussian = gaussianOf({ ...TRACE_DEFAULTS, window: oracle.window, generator: 'numpy1' });
      const noise = drawNoise(gaussian, oracle.noise, oracle.samples * (end - start) * hiddenSize);
      const states = await RunStates.run(model, model.weights, prompt, noise, oracle.samples, new Set(['mlp']), {});
      const { clean, corrupted } = await states.answers(model, model.weights);
      const answer = argmax(clean);
      const base = corrupted[answer];
      high += clean[answer];
      low += base;
      const running = restorations.filter(({ from }) => from < layerCount);
      const context = { model, weights: model.weights, states, token: end - 1 };
      await sweepToken(context, running, {}, ({ cells }, probabilities) => {
        for (const { grid, layer } of cells) effects[grid][layer] += probabilities[answer] - base;
      });
      states.dispose();
    }
    const mean = (sum: number): number => sum / oracle.known_ids.length;
    expectBelow('SmolLM2: mean probability of the clean runs', Math.abs(mean(high) - oracle.high), 1e-3);
    expectBelow('SmolLM2: mean probability of the corrupted runs', Math.abs(mean(low) - oracle.low), 1e-3);
    [oracle.hidden, oracle.severedMlp].forEach((expected, grid) => {
      const worst = Math.max(...expected.map((value, layer) => Math.abs(mean(effects[grid][layer]) - value)));
      expectBelow(`SmolLM2: average indirect effects, severed ${GRIDS[grid].severed}`, worst, 1e-3);
    });
    expect(oracle.hidden).toHaveLength(layerCount);
    await session.dispose();
  });
});
