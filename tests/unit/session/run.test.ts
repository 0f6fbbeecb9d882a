/**
 * MEMIT runs as a whole: cancelled and failing runs leave the model alone, the seed decides, batches change nothing, and
 * the loss is that of whole rows run anew, wherever the subject and the layers are.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CancelledError, EngineError, NotPositiveDefiniteError, RequestError } from '../../../src/engine/errors.ts';
import { projectionOf } from '../../../src/engine/families/family.ts';
import { memit } from '../../../src/engine/methods/memit/memit.ts';
import type { MemitSettings } from '../../../src/engine/methods/memit/settings.ts';
import type { MethodEvent } from '../../../src/engine/methods/method.ts';
import { runReportSchema } from '../../../src/engine/methods/report.ts';
import { batchOf, forwardRows, gatherTokens, placesOf } from '../../../src/engine/model/forward.ts';
import { BLOCK_OUTPUTS } from '../../../src/engine/model/graphs.ts';
import { logProbability } from '../../../src/engine/model/sampling.ts';
import { EditedWeights, type WeightSet } from '../../../src/engine/model/weight-set.ts';
import { applyPatches } from '../../../src/engine/patches/apply.ts';
import type { Patch } from '../../../src/engine/patches/patch.ts';
import { Tensor } from '../../../src/engine/runtime/tensor.ts';
import { predict } from '../../../src/engine/session/asking.ts';
import { runEdit } from '../../../src/engine/session/editing.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';
import { optimizeTargets } from '../../../src/engine/targets/optimize.ts';
import { buildEditPrompts, type EditPrompts } from '../../../src/engine/targets/prompts.ts';
import { LOSS_THRESHOLD, type EditTarget } from '../../../src/engine/targets/target.ts';
import type { EditRequest } from '../../../src/engine/tokens/request.ts';
import { expectBelow, relativeError } from '../compare.ts';
import { lowRank, nextTokenLogits } from '../support.ts';
import { openTiny } from '../tiny.ts';

const settings: MemitSettings = {
  layers: [1, 2],
  steps: 8,
  learningRate: 0.5,
  weightDecay: 0.5,
  clampNormFactor: 0.75,
  klFactor: 0.0625,
  covarianceWeight: 10,
  seed: 3,
};
const inner: EditRequest = { prompt: 'The capital of {} is', subject: 'the land', targetNew: 'on' };
const first: EditRequest = { prompt: '{} was born in', subject: 'Clark', targetNew: 'the orient' };
/** One token, and the sentence's first: nothing stands before its look-up token. */
const single: EditRequest = { prompt: '{} is in', subject: 'I', targetNew: 'a town' };
/** The look-up token is the one that predicts, so that even the last layer can be edited. */
const final: EditRequest = { prompt: 'Here is {}', subject: 'the lake', targetNew: 'C' };
const requests = [inner, first, single];
const contexts = ['{}', 'The lake. {}', 'Here are the oranges. {}'];
const prompts = ['The capital of the land is', 'Clark was born in', 'Another'];

let bench: ModelSession;

beforeAll(async () => {
  bench = await openTiny();
});

afterAll(() => bench.dispose());

async function failure(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => {
      throw new Error('Nothing was thrown.');
    },
    (error: unknown) => error,
  );
}

function promptsOf(edits: readonly EditRequest[], templates: readonly string[]): EditPrompts[] {
  const { model, tokenizer } = bench;
  return edits.map((request) => buildEditPrompts(request, templates, tokenizer, model.config.contextLength));
}

/** The targets that a run of MEMIT would seek, at the last of its layers. */
function targetsOf(
  edits: readonly EditPrompts[],
  wanted: MemitSettings,
  weights: WeightSet = bench.model.weights,
): Promise<EditTarget[]> {
  const layer = wanted.layers[wanted.layers.length - 1];
  return optimizeTargets(bench.model, weights, edits, { ...wanted, layer }, {}, () => undefined);
}

/** Logits at one position of `ids`, all of which run anew with `delta` added to block `layer`'s output at `lookup`. */
async function wholeRowLogits(
  ids: readonly number[],
  [layer, lookup]: readonly [number, number],
  delta: Float32Array,
  positions: readonly number[],
  weights: WeightSet = bench.model.weights,
): Promise<Float32Array[]> {
  const { model } = bench;
  const { hiddenSize, layerCount } = model.config;
  const row = batchOf([ids]);
  const places = placesOf(model, row);
  let hidden = await forwardRows(model, weights, row, { through: layer });
  delta.forEach((value, d) => (hidden.floats[lookup * hiddenSize + d] += value));
  for (let above = layer + 1; above < layerCount; above += 1) {
    hidden = (await model.block(weights, above, { hidden, places }, [BLOCK_OUTPUTS.hidden])).hidden_out;
  }
  const logits: Float32Array[] = [];
  for (const position of positions) {
    logits.push((await model.logits(weights, await gatherTokens(model, hidden, [position]))).floats);
  }
  return logits;
}

/** Mean over the contexts of the target's mean −log p, from whole rows. */
async function wholeRowNll(
  edit: EditPrompts,
  layer: number,
  delta: Float32Array,
  weights?: WeightSet,
): Promise<number> {
  const { contexts: located, targetIds } = edit;
  let sum = 0;
  for (const { ids, lookupIndex } of located) {
    const row = [...ids, ...targetIds.slice(0, -1)];
    const positions = targetIds.map((_, t) => ids.length - 1 + t);
    const logits = await wholeRowLogits(row, [layer, lookupIndex], delta, positions, weights);
    targetIds.forEach((id, t) => (sum -= logProbability(logits[t], id) / (targetIds.length * located.length)));
  }
  return sum;
}

/** KL(p_δ ‖ p₀) at the look-up token of the whole KL prompt. */
async function wholeRowKl({ klPrompt }: EditPrompts, layer: number, delta: Float32Array): Promise<number> {
  const { ids, lookupIndex } = klPrompt;
  const at = async (added: Float32Array): Promise<Float32Array> =>
    (await wholeRowLogits(ids, [layer, lookupIndex], added, [lookupIndex]))[0];
  const [now, before] = [await at(delta), await at(new Float32Array(delta.length))];
  let sum = 0;
  now.forEach((_, id) => {
    const log = logProbability(now, id);
    sum += Math.exp(log) * (log - logProbability(before, id));
  });
  return sum;
}

describe('a cancelled run', () => {
  /** When it is cancelled, and the steps that it has told of by then. */
  const moments: [string, (event: MethodEvent) => boolean, number[]][] = [
    ['before the statistics', (event) => event.kind === 'phase' && event.phase === 'statistics', []],
    ['between two steps', (event) => event.kind === 'losses' && event.losses[0].step === 3, [0, 1, 2, 3]],
    ['between two layers', (event) => event.kind === 'layer' && event.outcome.layer === 1, [0, 1, 2, 3, 4, 5, 6, 7]],
  ];

  it.each(moments)(
    '%s changes nothing, and the next run gives what an undisturbed one gives',
    async (_, now, steps) => {
      const model = await openTiny();
      const before = await predict(model, prompts);
      const weights = await model.weights();
      const abort = new AbortController();
      const seen: number[] = [];
      const run = runEdit(model, requests, settings, {
        job: { signal: abort.signal },
        onEvent: (event) => {
          if (event.kind === 'losses') seen.push(event.losses[0].step);
          if (now(event)) abort.abort();
        },
      });
      await expect(run).rejects.toBeInstanceOf(CancelledError);
      expect(seen).toEqual(steps);
      expect(model.stack.entries).toEqual([]);
      expect(await model.weights()).toBe(weights);
      expect(await predict(model, prompts)).toEqual(before);

      const again = await runEdit(model, requests, settings);
      const undisturbed = await runEdit(bench, requests, settings);
      expect(again.deltas).toEqual(undisturbed.deltas);
      await model.dispose();
    },
  );
});

describe('a failing run', () => {
  it('whose loss overflows says so and changes nothing', async () => {
    const before = await predict(bench, prompts);
    const error = await failure(runEdit(bench, requests, { ...settings, weightDecay: 1e308 }, { contexts }));
    expect(error).toBeInstanceOf(EngineError);
    expect((error as EngineError).code).toBe('numeric');
    expect((error as EngineError).message).toMatch(/is not a number at step 1/);
    expect(bench.stack.entries).toEqual([]);
    expect(await predict(bench, prompts)).toEqual(before);
  });

  it('whose solve leaves too much of its right-hand side says how much, and changes nothing', async () => {
    const solve = bench.model.linalg.solveRegularized.bind(bench.model.linalg);
    const poor = vi.spyOn(bench.model.linalg, 'solveRegularized');
    poor.mockImplementation(async (...args) => ({ ...(await solve(...args)), relativeResidual: 0.02 }));
    const error = await failure(runEdit(bench, requests, settings, { contexts }));
    poor.mockRestore();
    expect(error).toMatchObject({
      code: 'numeric',
      message: 'The solve of layer 1 leaves 2.0e-2 of its right-hand side; more than 0.001 is no solution.',
    });
    expect(bench.stack.entries).toEqual([]);
  });

  it('whose solve meets a matrix that is not positive definite says so and changes nothing', async () => {
    const before = await predict(bench, prompts);
    const { intermediateSize, hiddenSize } = bench.model.config;
    const negative = Tensor.zeros([intermediateSize, intermediateSize]);
    for (let f = 0; f < intermediateSize; f += 1) negative.floats[f * intermediateSize + f] = -1e3;
    const { model, tokenizer } = bench;
    // The first layer's solve succeeds: its update must not outlive the second's failure.
    const positive = Tensor.fromData(
      negative.floats.map((value) => -value),
      negative.dims,
    );
    const { tensor } = projectionOf(model.family, 1, 'mlp-output');
    const weight = model.weights.get(tensor).floats.slice();
    const layers: number[] = [];
    const covarianceOf = (layer: number): Promise<Tensor> => Promise.resolve(layer === 1 ? positive : negative);
    const run = memit.run(
      { model, tokenizer, weights: model.weights, contexts, statistics: { covarianceOf } },
      requests,
      settings,
      {},
      (event) => {
        if (event.kind === 'layer') layers.push(event.outcome.layer);
      },
    );
    await expect(run).rejects.toBeInstanceOf(NotPositiveDefiniteError);
    expect(layers).toEqual([1]);
    expect(weight.length).toBe(intermediateSize * hiddenSize);
    expect(model.weights.get(tensor).floats).toEqual(weight);
    expect(await predict(bench, prompts)).toEqual(before);
    expect((await runEdit(bench, [inner], settings, { contexts })).deltas).toHaveLength(2);
  });
});

describe('the seed', () => {
  it('decides the contexts and, with them, every bit of the update', async () => {
    const other = await openTiny();
    const one = await runEdit(bench, [inner], settings);
    const two = await runEdit(other, [inner], settings);
    expect(two.contexts).toEqual(one.contexts);
    expect(one.contexts[0]).toBe('{}');
    expect(one.contexts).toHaveLength(6);
    expect(two.deltas).toEqual(one.deltas);
    expect(runReportSchema.parse(two.report).losses).toEqual(runReportSchema.parse(one.report).losses);
    const another = await runEdit(other, [inner], { ...settings, seed: 4 });
    expect(another.contexts).not.toEqual(one.contexts);
    const [residual, otherResidual] = [one, another].map(({ deltas }) => lowRank(deltas[0]).left);
    expect(relativeError(otherResidual, residual)).toBeGreaterThan(1e-4);
    await other.dispose();
  });
});

describe('a batch of edits', () => {
  it('gives each what it gets alone', async () => {
    const edits = promptsOf(requests, contexts);
    expect(new Set(edits.map(({ contexts: [{ ids }] }) => ids.length)).size).toBe(3);
    const together = await targetsOf(edits, settings);
    for (const [i, edit] of edits.entries()) {
      const [alone] = await targetsOf([edit], settings);
      expectBelow('batched: δ of an edit against δ alone', relativeError(together[i].delta, alone.delta), 1e-5);
      expect(relativeError(together[i].z, alone.z)).toBeLessThan(1e-5);
      expect(alone.losses.map(({ edit: index }) => index)).toEqual(alone.losses.map(() => 0));
      expect(together[i].losses.map(({ edit: index }) => index)).toEqual(together[i].losses.map(() => i));
    }
  });

  it('lets go of an edit at its first loss below the threshold, with the δ of that loss; the others go on', async () => {
    // Sharper logits than the tiny model's own, so that some edits get there.
    const { model } = bench;
    const gain = 'transformer.ln_f.weight';
    const sharp = new EditedWeights(model.weights);
    sharp.replace(gain, await model.linalg.addScaled(sharp.get(gain), 4, sharp.get(gain), 0));
    const wanted = { ...settings, steps: 20, learningRate: 1, clampNormFactor: 4, weightDecay: 0.05, klFactor: 1e-4 };
    const edits = promptsOf([{ ...final, targetNew: 'the' }, inner, final, first], contexts);
    const together = await targetsOf(edits, wanted, sharp);
    const evaluations = together.map(({ losses }) => losses.length);
    expect(evaluations[0]).toBeLessThan(wanted.steps);
    expect(evaluations[2]).toBeLessThan(wanted.steps);
    expect(evaluations[0]).not.toBe(evaluations[2]);
    expect([evaluations[1], evaluations[3]]).toEqual([wanted.steps, wanted.steps]);
    for (const [i, edit] of edits.entries()) {
      const { losses, delta, initialNorm } = together[i];
      const last = losses[losses.length - 1];
      expect(losses.slice(0, -1).every(({ loss }) => loss >= LOSS_THRESHOLD)).toBe(true);
      expect(last.loss < LOSS_THRESHOLD).toBe(evaluations[i] < wanted.steps);
      // A step more would have moved δ away from the loss that was measured.
      const nll = await wholeRowNll(edit, 2, delta, sharp);
      expect(Math.abs(last.nll - nll) / nll).toBeLessThan(1e-4);
      expect(last.deltaNorm / Math.hypot(...delta)).toBeCloseTo(1, 6);
      expect(last.decay).toBeCloseTo((wanted.weightDecay * Math.hypot(...delta)) / initialNorm ** 2, 6);

      const [alone] = await targetsOf([edit], wanted, sharp);
      expect(alone.losses).toHaveLength(evaluations[i]);
      expectBelow('batched with edits that stop early: δ', relativeError(delta, alone.delta), 1e-5);
    }
    sharp.dispose();
  });

  it('makes one step fewer than there are evaluations', async () => {
    const edits = promptsOf([inner], contexts);
    const [one] = await targetsOf(edits, { ...settings, steps: 1 });
    expect(one.losses).toHaveLength(1);
    expect(one.delta.every((value) => value === 0)).toBe(true);
    const [two] = await targetsOf(edits, { ...settings, steps: 2 });
    // Adam's first step moves every entry by the learning rate, whatever its gradient.
    two.delta.forEach((value) => expect(Math.abs(value)).toBeCloseTo(settings.learningRate, 2));
  });
});

describe('the residuals in the report', () => {
  it('begin at ‖δ‖, go through what every layer is given, and end where the edited model is', async () => {
    const patch = await runEdit(bench, requests, settings, { contexts });
    const { residuals, losses } = runReportSchema.parse(patch.report);
    expect(residuals).toHaveLength(2 * requests.length);
    const { model } = bench;
    const edits = promptsOf(requests, contexts);
    const targets = await targetsOf(edits, settings);
    const edited = await applyPatches(model, [patch]);
    for (const [edit, { contexts: located }] of edits.entries()) {
      const [first, second] = residuals!.filter((residual) => residual.edit === edit);
      const { deltaNorm } = losses.findLast((loss) => loss.edit === edit)!;
      expect(Math.abs(first.before / deltaNorm - 1)).toBeLessThan(1e-3);
      expect(second.before).toBe(first.after);
      // Of the first of two layers R is half of the residual, of the last the whole.
      patch.deltas.forEach((delta, i) => {
        if (delta.kind !== 'low-rank') throw new Error(delta.kind);
        const row = delta.left.subarray(edit * delta.outSize, (edit + 1) * delta.outSize);
        expect(Math.abs(((2 - i) * Math.hypot(...row)) / [first, second][i].before - 1)).toBeLessThan(1e-5);
      });
      const [{ ids, lookupIndex }] = located;
      const hidden = await forwardRows(model, edited, batchOf([ids]), { through: 2 });
      const reached = hidden.floats.subarray(lookupIndex * model.config.hiddenSize);
      const left = Math.hypot(...targets[edit].z.map((value, d) => value - reached[d]));
      expect(Math.abs(second.after / left - 1)).toBeLessThan(1e-3);
    }
    edited.dispose();
  });
});

describe('the loss', () => {
  it.each([
    ['of a prompt with text before the subject', [inner], contexts, [1, 2]],
    ['of a prompt that begins with its subject, nothing before it in any row', [first], ['{}'], [1, 2]],
    ['of rows with and without a prefix', [first, inner], contexts, [0]],
    ['of a subject of one token', [single], contexts, [1]],
    ['with the last layer of the model as target', [final], contexts, [3]],
  ] as const)('%s is that of whole rows run anew', async (_, edits, templates, layers) => {
    const all = promptsOf(edits, templates);
    const wanted = { ...settings, layers: [...layers] };
    const targets = await targetsOf(all, wanted);
    for (const [i, { delta, losses, z, initialNorm }] of targets.entries()) {
      const start = losses[0];
      const end = losses[losses.length - 1];
      const lastLayer = layers[layers.length - 1];
      const atStart = await wholeRowNll(all[i], lastLayer, new Float32Array(delta.length));
      expectBelow('suffixes alone: NLL at δ = 0', Math.abs(start.nll - atStart) / atStart, 1e-5);
      const atEnd = await wholeRowNll(all[i], lastLayer, delta);
      expectBelow('suffixes alone: NLL at the last δ', Math.abs(end.nll - atEnd) / atEnd, 1e-5);
      const kl = settings.klFactor * (await wholeRowKl(all[i], lastLayer, delta));
      const decay = (settings.weightDecay * Math.hypot(...delta)) / initialNorm ** 2;
      const loss = atEnd + kl + decay;
      expect(kl).toBeGreaterThan(1e-4);
      expectBelow('suffixes alone: the KL term', Math.abs(end.kl - kl) / kl, 1e-4);
      expectBelow('suffixes alone: the loss at the last δ', Math.abs(end.loss - loss) / loss, 1e-5);
      expect(end.loss).toBeLessThan(start.loss);
      expect([start.kl, start.decay, start.deltaNorm]).toEqual([expect.closeTo(0, 6), 0, 0]);
      expect(end.deltaNorm).toBeCloseTo(Math.hypot(...delta), 4);
      expect(Math.hypot(...z.map((value, d) => value - delta[d]))).toBeCloseTo(initialNorm, 3);
    }
  });

  it('is taken over a subject that is one token at the first place', () => {
    const [{ contexts: located }] = promptsOf([single], ['{}']);
    expect(located[0].subjectRange).toEqual([0, 1]);
    expect(located[0].lookupIndex).toBe(0);
  });

  it('moves δ no further than the clamp allows', async () => {
    const wanted = { ...settings, clampNormFactor: 0.02 };
    const [{ delta, initialNorm, losses }] = await targetsOf(promptsOf([inner], contexts), wanted);
    expect(losses).toHaveLength(settings.steps);
    expect(Math.hypot(...delta) / initialNorm).toBeCloseTo(0.02, 6);
  });
});

describe('the weight of the statistics', () => {
  /** Per edit, how far the edited model is from z at the look-up token, over how far it was. */
  async function leftOver(wanted: MemitSettings, edits: readonly EditRequest[]): Promise<number[]> {
    const { model, tokenizer, covariances } = bench;
    await covariances.prepare(wanted.layers);
    const { covarianceOf } = covariances;
    const context = { model, tokenizer, weights: model.weights, contexts: ['{}'], statistics: { covarianceOf } };
    const { deltas } = await memit.run(context, edits, wanted, {}, () => undefined);
    const located = promptsOf(edits, ['{}']);
    const targets = await targetsOf(located, wanted);
    const patch: Patch = {
      id: 'patch',
      name: 'patch',
      createdAt: '2024-01-01T00:00:00Z',
      modelHash: bench.hash,
      modelName: bench.name,
      method: 'memit',
      requests: [...edits],
      settings: wanted,
      contexts: ['{}'],
      deltas,
      report: null,
    };
    const edited = await applyPatches(model, [patch]);
    const left: number[] = [];
    for (const [i, { contexts: rows }] of located.entries()) {
      const [{ ids, lookupIndex }] = rows;
      const through = wanted.layers[wanted.layers.length - 1];
      const hidden = await forwardRows(model, edited, batchOf([ids]), { through });
      const state = (await gatherTokens(model, hidden, [lookupIndex])).floats;
      left.push(Math.hypot(...state.map((value, d) => value - targets[i].z[d])) / Math.hypot(...targets[i].delta));
    }
    edited.dispose();
    return left;
  }

  it.each([[[1, 2]], [[0]], [[3]], [[0, 1, 2, 3]]])('next to none lets layers %j reach z', async (layers) => {
    const left = await leftOver({ ...settings, layers, covarianceWeight: 1e-4 }, [inner, final]);
    expect(Math.max(...left)).toBeLessThan(1e-2);
  });

  it('a huge one leaves the model where it was', async () => {
    const left = await leftOver({ ...settings, covarianceWeight: 1e9 }, [inner, final]);
    left.forEach((share) => expect(share).toBeCloseTo(1, 3));
  });
});

describe('a run in the last layer', () => {
  it('makes the new object more probable, until it is taken back', async () => {
    const wanted = { ...settings, layers: [2, 3], steps: 15, covarianceWeight: 1e-3 };
    const patch = await runEdit(bench, [final], wanted, { contexts });
    const report = runReportSchema.parse(patch.report);
    expect(report.layers.map(({ layer }) => layer)).toEqual([2, 3]);
    expect(report.layers[1].meanResidual).toBeLessThan(report.layers[0].meanResidual);
    const [edit] = promptsOf([final], ['{}']);
    const probability = async (): Promise<number> => {
      const [logits] = await nextTokenLogits(bench.model, await bench.weights(), [edit.contexts[0].ids]);
      return logProbability(logits, edit.targetIds[0]);
    };
    const before = await probability();
    bench.stack.push(patch);
    expect(await probability()).toBeGreaterThan(before + 0.1);
    bench.stack.remove(patch.id);
    expect(await probability()).toBe(before);
  });
});

describe('what cannot be run', () => {
  it.each([
    ['a layer the model lacks', { layers: [2, 4] }, /Layer 4 does not exist: this model has layers 0 to 3/],
    ['layers out of order', { layers: [2, 1] }, /ascending order/],
    ['a layer twice', { layers: [1, 1] }, /ascending order/],
    ['no layer', { layers: [] }, /“layers”/],
    ['half a layer', { layers: [0.5] }, /“layers.0”/],
    ['no step', { steps: 0 }, /“steps”/],
    ['a learning rate that is not a number', { learningRate: Number.NaN }, /“learningRate”/],
    ['a covariance weight of zero', { covarianceWeight: 0 }, /“covarianceWeight”/],
  ])('%s is refused', async (_, change, message) => {
    const error = await failure(runEdit(bench, requests, { ...settings, ...change }, { contexts }));
    expect(error).toBeInstanceOf(EngineError);
    expect(error).toMatchObject({ code: 'input', message: expect.stringMatching(message) as string });
  });

  it.each([
    ['no context', [], /first context template must be "{}"/],
    ['no plain context', ['The lake. {}', '{}'], /first context template must be "{}"/],
    ['a context without a place', ['{}', 'The lake.'], /template 2 must hold exactly one/],
    ['a context with two', ['{}', '{} and {}'], /template 2 must hold exactly one/],
  ])('%s is refused', async (_, templates, message) => {
    const error = await failure(runEdit(bench, requests, settings, { contexts: templates }));
    expect(error).toMatchObject({ code: 'input', message: expect.stringMatching(message) as string });
  });

  it('an empty list of edits is refused', async () => {
    expect(await failure(runEdit(bench, [], settings, { contexts }))).toMatchObject({ code: 'input' });
  });

  it.each([
    ['an empty subject', { subject: ' ' }, 'subject'],
    ['a prompt without a place for its subject', { prompt: 'The capital is' }, 'subject'],
    ['an empty object', { targetNew: '' }, 'object'],
    ['a prompt that fills the context', { prompt: `{} ${'is '.repeat(70)}` }, 'prompt'],
  ])('%s is refused before anything is computed', async (_, change, field) => {
    const events: MethodEvent[] = [];
    const run = runEdit(bench, [inner, { ...inner, ...change }], settings, {
      contexts,
      onEvent: (event) => events.push(event),
    });
    const error = await failure(run);
    expect(error).toBeInstanceOf(RequestError);
    expect((error as RequestError).field).toBe(field);
    expect(events).toEqual([]);
  });

  it('a prompt that a context makes too long is refused', async () => {
    const long = ['{}', `${'is '.repeat(60)}. {}`];
    expect(await failure(runEdit(bench, [inner], settings, { contexts: long }))).toMatchObject({ field: 'prompt' });
  });
});
