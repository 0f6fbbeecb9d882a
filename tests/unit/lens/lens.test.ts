/** The logit lens against PyTorch's, and what a comparison of an edited model is made of. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CancelledError } from '../../../src/engine/errors.ts';
import { readLens } from '../../../src/engine/lens/lens.ts';
import { predict } from '../../../src/engine/session/asking.ts';
import { compareLens, editedLayers } from '../../../src/engine/session/lens.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';
import { readPatchFile } from '../../../src/engine/patches/patch-file.ts';
import { settingsSchemas } from '../../../src/engine/methods/registry.ts';
import { readFileSync } from 'node:fs';
import { expectBelow } from '../compare.ts';
import { loadFolder } from '../families/load.ts';
import { DEMO_MODEL, golden, openModel } from '../support.ts';

interface LensGolden {
  models: {
    name: string;
    ids: number[];
    asked: number[];
    /** By layer, then by token; ranks by asked token, then by token. */
    layers: { top: number[][]; logprobs: number[][]; asked: number[][]; ranks: number[][] }[];
  }[];
}

describe.each(golden<LensGolden>('lens').models)('the lens of a random $name', ({ name, ids, asked, layers }) => {
  it('is PyTorch’s at every token and layer', async () => {
    const { model } = await loadFolder(`tests/reference/models/family-${name}`);
    const told: number[] = [];
    const grid = await readLens(model, model.weights, ids, { top: 5, asked, onLayer: (done) => told.push(done) });
    await model.dispose();
    expect(told).toEqual(layers.map((_, layer) => layer + 1));
    expect(grid.length).toBe(ids.length);
    let worst = 0;
    layers.forEach((expected, layer) => {
      grid.forEach((cells, token) => {
        const { top, asked: standings } = cells[layer];
        expect(top.map(({ id }) => id)).toEqual(expected.top[token]);
        expect(standings.map(({ rank }) => rank)).toEqual(expected.ranks.map((ranks) => ranks[token]));
        const actual = [...top, ...standings].map(({ logProbability }) => logProbability);
        const wanted = [...expected.logprobs[token], ...expected.asked[token]];
        actual.forEach((value, i) => (worst = Math.max(worst, Math.abs(value - wanted[i]))));
      });
    });
    expectBelow(`lens of ${name}: log-probabilities`, worst, 1e-4);
  });
});

describe('the lens of the demo model', () => {
  let session: ModelSession;
  beforeAll(async () => {
    session = await openModel(DEMO_MODEL);
  });
  afterAll(() => session.dispose());

  it('has the model’s own predictions in its last layer, before and after a patch', async () => {
    const prompt = 'The mother tongue of Michel Denisot is';
    const layers = session.model.config.layerCount;
    const alone = await compareLens(session, { prompt, old: 'French', new: 'Russian' });
    expect(alone.after).toBeNull();
    const file = readFileSync('tests/reference/goldens/demo-export-patch.safetensors');
    await session.add(await readPatchFile(Uint8Array.from(file), settingsSchemas()));
    const { patch } = session.stack.entries[0];
    const [request] = patch.requests;
    const edited = request.prompt.replace('{}', request.subject);
    const progress: string[] = [];
    const both = await compareLens(session, { prompt: edited, new: request.targetNew }, {}, (done, total) => {
      progress.push(`${done}/${total}`);
    });
    expect(progress.at(-1)).toBe(`${2 * layers}/${2 * layers}`);
    const [now] = await predict(session, [edited]);
    const last = both.after!.at(-1)!.at(-1)!;
    expect(last.top.slice(0, now.length).map(({ id }) => id)).toEqual(now.map(({ id }) => id));
    // The new object wins at the end, and did not before.
    expect(both.followed.map(({ role }) => role)).toEqual(['old', 'new']);
    const unedited = both.before.at(-1)!.at(-1)!;
    expect(last.asked.map(({ rank }) => rank)).toEqual([expect.any(Number), 0]);
    expect(last.asked[0].rank).toBeGreaterThan(0);
    expect(unedited.asked[0].rank).toBe(0);
    expect(unedited.asked[1].rank).toBeGreaterThan(0);
    expect(editedLayers(session)).toEqual({ first: 0, last: 3 });
    session.stack.remove(patch.id);
  });

  it('hears a cancel after the layer it is at', async () => {
    const abort = new AbortController();
    let layers = 0;
    const lens = compareLens(session, { prompt: 'The sky is' }, { signal: abort.signal }, () => {
      layers += 1;
      if (layers === 2) abort.abort();
    });
    await expect(lens).rejects.toBeInstanceOf(CancelledError);
    expect(layers).toBe(2);
  });
});
