/** MEMIT against the PyTorch oracle: on the demo model as it ships, and on a tiny random one that never changes. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { optimizeTargets } from '../../../../src/engine/targets/optimize.ts';
import { buildEditPrompts } from '../../../../src/engine/targets/prompts.ts';
import { parseRequests } from '../../../../src/engine/tokens/request.ts';
import { expectBelow, relativeError } from '../../compare.ts';
import { DEMO_MODEL, golden, openModel } from '../../support.ts';
import { openTiny } from '../../tiny.ts';
import { testParity, type MemitGolden } from './parity.ts';

describe('the demo model', () => {
  const oracle = golden<MemitGolden>('demo-memit');
  testParity('demo', oracle, 'tests/reference/data/demo-requests.json', () => openModel(DEMO_MODEL));
});

describe('the tiny model', () => {
  const oracle = golden<MemitGolden>('tiny-memit');
  const requests = 'tests/reference/data/tiny-requests.json';

  testParity('tiny', oracle, requests, openTiny);

  it('gives δ of every edit, entry by entry, one of them at the clamp', async () => {
    const bench = await openTiny();
    const { model, tokenizer } = bench;
    const prompts = parseRequests(readFileSync(requests, 'utf8')).requests.map((request) =>
      buildEditPrompts(request, oracle.contexts, tokenizer, model.config.contextLength),
    );
    const { layers } = oracle.settings;
    const settings = { ...oracle.settings, layer: layers[layers.length - 1] };
    const targets = await optimizeTargets(model, model.weights, prompts, settings, {}, () => undefined);
    targets.forEach(({ delta }, i) => {
      const { ids, lookup, targetIds } = oracle.edits[i];
      expect(prompts[i].contexts.map((row) => row.ids)).toEqual(ids);
      expect(prompts[i].contexts.map((row) => row.lookupIndex)).toEqual(lookup);
      expect(prompts[i].targetIds).toEqual(targetIds);
      expectBelow(`tiny: δ of edit ${i} after all steps`, relativeError(delta, oracle.edits[i].delta), 1e-3);
    });
    const reach = oracle.edits.map(({ deltaNorm, h0Norm }) => deltaNorm / h0Norm);
    expect(reach.filter((share) => Math.abs(share - settings.clampNormFactor) < 1e-5)).not.toEqual([]);
    expect(Math.min(...reach)).toBeLessThan(settings.clampNormFactor - 0.05);
    await bench.dispose();
  });
});
