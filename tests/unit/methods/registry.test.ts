/** What every editing method has, MEMIT's form and presets, and a method that is one more object and nothing else. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startWasm } from '../../../src/cli/backend.ts';
import { folderSource } from '../../../src/cli/folder-source.ts';
import { CancelledError, EngineError, ModelError, PatchError } from '../../../src/engine/errors.ts';
import type { EvaluationRecord } from '../../../src/engine/evaluation/records.ts';
import { projectionOf, type ModelConfig } from '../../../src/engine/families/family.ts';
import { memitPreset } from '../../../src/engine/methods/memit/presets.ts';
import { memitSettingsSchema } from '../../../src/engine/methods/memit/settings.ts';
import { validateSettings, type MethodEvent } from '../../../src/engine/methods/method.ts';
import { DEFAULT_METHOD, methodOf, METHODS, settingsSchemas } from '../../../src/engine/methods/registry.ts';
import { runReportSchema } from '../../../src/engine/methods/report.ts';
import { settingFields } from '../../../src/engine/methods/setting-fields.ts';
import { readPatchFile, writePatchFile } from '../../../src/engine/patches/patch-file.ts';
import { predict } from '../../../src/engine/session/asking.ts';
import { runBenchmark } from '../../../src/engine/session/benchmark.ts';
import { phasesOf, runEdit } from '../../../src/engine/session/editing.ts';
import { exportModel } from '../../../src/engine/session/export.ts';
import { openSession } from '../../../src/engine/session/open.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';
import type { EditRequest } from '../../../src/engine/tokens/request.ts';
import { memorySource } from '../../../src/engine/weights/byte-source.ts';
import { collect } from '../../../src/engine/weights/safetensors-writer.ts';
import { readFloats, readSafetensors } from '../../../src/engine/weights/safetensors.ts';
import { TINY_MODEL, withFile } from '../support.ts';
import { openTiny } from '../tiny.ts';
import { madeUp, waveOf } from './made-up-method.ts';

/** As much of a model as presets and checks look at. */
function shaped(modelType: string, hiddenSize: number, layerCount: number): ModelConfig {
  return { modelType, hiddenSize, layerCount } as ModelConfig;
}

const all = [...METHODS, madeUp];

describe('every method', () => {
  it('is found by its id, and MEMIT where nothing else is asked for', () => {
    expect(METHODS.map(({ id }) => id)).toEqual(['memit']);
    expect(DEFAULT_METHOD).toBe('memit');
    expect(methodOf('memit')).toBe(METHODS[0]);
    expect(methodOf('wave', all)).toBe(madeUp);
    expect(() => methodOf('wave')).toThrow(/no editing method “wave”; there is memit\.$/);
    expect(() => methodOf('rome', all)).toThrow(/“rome”; there is memit, wave\.$/);
    expect(() => methodOf('rome')).toThrow(EngineError);
    expect(settingsSchemas()('memit')).toBe(memitSettingsSchema);
    expect(settingsSchemas()('wave')).toBeUndefined();
    expect(settingsSchemas(all)('wave')).toBe(madeUp.settings);
  });

  it.each(all)('says what its settings are, and has a preset that it takes: $id', (method) => {
    const fields = settingFields(method.settings);
    expect(fields.length).toBeGreaterThan(0);
    for (const { label, help } of fields) expect([label, help]).not.toContain('');
    for (const config of [shaped('gpt2', 32, 4), shaped('gpt2', 1600, 48), shaped('llama', 4096, 1)]) {
      const { settings, note } = method.preset(config);
      expect(validateSettings(method, settings, config)).toEqual(settings);
      expect(Object.keys(settings).sort()).toEqual(fields.map(({ name }) => name).sort());
      expect(note).not.toBe('');
      const phases = phasesOf(method, settings).map(({ id }) => id);
      expect(new Set(phases).size).toBe(phases.length);
    }
  });
});

describe('the form of MEMIT', () => {
  it('has the fields that the page had, in their order, with their bounds', () => {
    const number = { kind: 'number', min: 0, above: false, max: Infinity };
    expect(settingFields(memitSettingsSchema)).toEqual([
      {
        name: 'layers',
        label: 'Layers',
        help: 'The layers whose weights are changed; the last of them is where z is sought.',
        kind: 'layers',
        min: -Infinity,
        above: false,
        max: Infinity,
      },
      {
        name: 'steps',
        label: 'Steps',
        help: 'How often the loss is looked at while z is sought; an edit that is good enough stops earlier.',
        kind: 'integer',
        min: 1,
        above: false,
        max: 1000,
      },
      {
        ...number,
        name: 'learningRate',
        label: 'Learning rate',
        help: 'How far one step of the search goes (Adam).',
        above: true,
        max: 10,
      },
      {
        ...number,
        name: 'weightDecay',
        label: 'Weight decay',
        help: 'How strongly a long δ is punished: more keeps the edit smaller.',
      },
      {
        ...number,
        name: 'clampNormFactor',
        label: 'Clamp',
        help: 'How long δ may get at most, as a share of the hidden state it is added to.',
        above: true,
      },
      {
        ...number,
        name: 'klFactor',
        label: 'KL factor',
        help: 'How strongly the model’s general idea of the subject is held while δ is sought.',
      },
      {
        ...number,
        name: 'covarianceWeight',
        label: 'λ',
        help: 'How much the statistics of ordinary text weigh against the new facts: larger disturbs less and edits less.',
        above: true,
      },
      {
        ...number,
        name: 'seed',
        label: 'Seed',
        help: 'Start of the random numbers that write the context sentences; the same seed gives the same run.',
        kind: 'integer',
        max: Number.MAX_SAFE_INTEGER,
      },
    ]);
  });

  it('takes and refuses at its bounds what the schema takes and refuses', () => {
    const config = shaped('gpt2', 32, 4);
    const { settings } = memitPreset(config);
    for (const { name, kind, min, above, max } of settingFields(memitSettingsSchema)) {
      if (kind === 'layers') continue;
      const takes = (value: number): boolean => memitSettingsSchema.safeParse({ ...settings, [name]: value }).success;
      expect([name, takes(min), takes(min - 1), takes(min + 1)]).toEqual([name, !above, false, true]);
      if (max === Infinity) expect([name, takes(1e300)]).toEqual([name, true]);
      else expect([name, takes(max), takes(max + 1)]).toEqual([name, true, false]);
      expect([name, takes(1.5)]).toEqual([name, kind === 'number']);
    }
  });

  it('is not made of settings that say nothing about themselves', () => {
    expect(() => settingFields(z.object({ force: z.number() }))).toThrow();
  });
});

describe('the presets of MEMIT', () => {
  const common = {
    steps: 20,
    learningRate: 0.5,
    weightDecay: 0.5,
    klFactor: 0.0625,
    covarianceWeight: 20_000,
    seed: 0,
  };

  it.each([
    [1024, 24, [4, 5, 6, 7, 8], 0.5625, 'Values used for gpt2-medium in forks of the reference.'],
    [1600, 48, [13, 14, 15, 16, 17], 0.75, 'The values of the reference for gpt2-xl.'],
  ])('are the published ones for GPT-2 of width %i and %i layers', (hiddenSize, layerCount, layers, clamp, note) => {
    const { settings, note: actual } = memitPreset(shaped('gpt2', hiddenSize, layerCount));
    expect(settings).toEqual({ ...common, layers, clampNormFactor: clamp });
    expect(actual).toBe(note);
  });

  it('are the published ones for GPT-J 6B, GPT-NeoX 20B and Qwen2.5 7B', () => {
    const gptj = memitPreset(shaped('gptj', 4096, 28));
    const steps25 = { ...common, steps: 25, covarianceWeight: 15_000 };
    expect(gptj.settings).toEqual({ ...steps25, layers: [3, 4, 5, 6, 7, 8], clampNormFactor: 0.75 });
    expect(gptj.note).toMatch(/the reference for GPT-J 6B/);
    const neox = memitPreset(shaped('gpt_neox', 6144, 44));
    expect(neox.settings).toEqual({ ...common, layers: [6, 7, 8, 9, 10], clampNormFactor: 0.3 });
    expect(neox.note).toMatch(/the paper .*GPT-NeoX 20B/);
    const qwen = memitPreset(shaped('qwen2', 3584, 28));
    expect(qwen.settings).toEqual({ ...steps25, layers: [4, 5, 6, 7, 8], weightDecay: 1e-3, clampNormFactor: 4 });
    expect(qwen.note).toMatch(/EasyEdit for Qwen2.5 7B/);
  });

  it.each([
    ['gpt2', 768, 12, [3, 4, 5]],
    ['gpt2', 32, 4, [1]],
    ['gpt2', 256, 8, [2, 3]],
    ['gpt2', 64, 1, [0]],
    // The same size in another family is another model.
    ['llama', 1024, 24, [6, 7, 8, 9, 10, 11]],
  ])('are a guess from the depth for %s of width %i and %i layers', (modelType, hiddenSize, layerCount, layers) => {
    const { settings, note } = memitPreset(shaped(modelType, hiddenSize, layerCount));
    expect(settings).toEqual({ ...common, layers, clampNormFactor: 0.75 });
    expect(note).toMatch(/No values are published.*a quarter to a half of its depth/);
  });
});

describe('a method that is made up', () => {
  const settings = { places: [1, 3], height: 0.5, ripples: 2 };
  const requests: EditRequest[] = [
    { prompt: 'The capital of {} is', subject: 'the land', targetNew: 'on' },
    { prompt: '{} is in', subject: 'the lake', targetNew: 'a town' },
  ];
  const prompts = ['The capital of the land is', 'Another'];
  let session: ModelSession;

  beforeAll(async () => {
    // Without a text for statistics, which it does not need.
    session = await openTiny(null, { methods: all });
  });

  afterAll(() => session.dispose());

  function weightOf(layer: number): string {
    return projectionOf(session.model.family, layer, 'mlp-output').tensor;
  }

  async function refusal(run: Promise<unknown>): Promise<EngineError> {
    const error: unknown = await run.catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(EngineError);
    return error as EngineError;
  }

  it('has a form and a preset like any other', () => {
    expect(settingFields(madeUp.settings)).toEqual([
      {
        name: 'places',
        label: 'Places',
        help: 'Where the waves are added.',
        kind: 'layers',
        min: -Infinity,
        above: false,
        max: Infinity,
      },
      { name: 'height', label: 'Height', help: 'How high the waves are.', kind: 'number', min: 0, above: true, max: 2 },
      {
        name: 'ripples',
        label: 'Ripples',
        help: 'How many go into one edit.',
        kind: 'integer',
        min: 1,
        above: false,
        max: 9,
      },
    ]);
    expect(session.preset('wave')).toEqual({
      settings: { places: [3], height: 0.25, ripples: 3 },
      note: 'By ear.',
    });
    expect(session.preset('memit')).toEqual(memitPreset(session.model.config));
  });

  it('has its own phases and the check, and MEMIT those before its own that it needs', () => {
    expect(phasesOf(madeUp, settings).map(({ id }) => id)).toEqual(['listen', 'play', 'check']);
    const own = session.preset('memit').settings;
    expect(phasesOf(methodOf('memit', all), own).map(({ id }) => id)).toEqual([
      'contexts',
      'statistics',
      'targets',
      'spread',
      'check',
    ]);
  });

  it('is run as any other, tells of its phases, and leaves a patch', async () => {
    const events: MethodEvent[] = [];
    const patch = await runEdit(session, requests, settings, {
      method: 'wave',
      onEvent: (event) => events.push(event),
    });
    expect(
      events.map((event) => (event.kind === 'phase' ? `${event.phase} ${event.done}/${event.total}` : event.kind)),
    ).toEqual([
      'listen 1/2',
      'listen 2/2',
      'layer',
      'play 1/2',
      'layer',
      'play 2/2',
      'check 0/4',
      'check 2/4',
      'check 4/4',
      'check 1/1',
    ]);
    expect(events.findLast((event) => event.kind === 'phase' && event.phase === 'play')).toMatchObject({
      detail: 'after {}',
    });
    expect(patch).toMatchObject({
      name: 'the land → on and 1 more',
      method: 'wave',
      settings,
      contexts: ['{}'],
      requests,
      modelHash: session.hash,
    });
    const report = runReportSchema.parse(patch.report);
    expect(report).toMatchObject({ losses: [], statisticsTokens: 0, seconds: { listen: 1, play: 2 } });
    expect(report.layers.map(({ layer }) => layer)).toEqual([1, 3]);
    expect(session.stack.entries).toEqual([]);
    for (const [i, layer] of [1, 3].entries()) {
      const { size, dims } = session.model.weights.get(weightOf(layer));
      const values = waveOf(requests, session.tokenizer, settings, size);
      expect(patch.deltas[i]).toEqual({ kind: 'dense', tensor: weightOf(layer), shape: dims, values });
    }

    const before = await predict(session, prompts);
    session.stack.push(patch);
    expect(await predict(session, prompts)).not.toEqual(before);
    // Runs on top of what is switched on, unless it is told not to.
    const norms = async (unedited: boolean): Promise<number> => {
      const next = await runEdit(session, requests, settings, { method: 'wave', unedited });
      return runReportSchema.parse(next.report).layers[0].weightNorm;
    };
    expect(await norms(true)).toBe(report.layers[0].weightNorm);
    expect(await norms(false)).toBeGreaterThan(report.layers[0].weightNorm);
    const { parts } = await exportModel(session, 'changed-tensors', { dtype: 'F32' });
    const file = await readSafetensors(memorySource('changed', await collect(parts)));
    expect(file.tensors.map(({ name }) => name)).toEqual([weightOf(1), weightOf(3)]);
    const edited = (await session.weights()).get(weightOf(3)).floats;
    expect(await readFloats(file, weightOf(3))).toEqual(edited);
    session.stack.remove(patch.id);
    expect(await predict(session, prompts)).toEqual(before);
  });

  it('leaves patches that are files, for whom it is known', async () => {
    const patch = await runEdit(session, requests, settings, { method: 'wave' });
    const bytes = await writePatchFile(patch);
    const read = await readPatchFile(bytes, settingsSchemas(session.methods));
    expect(read).toEqual(patch);
    await session.add(read);
    session.stack.remove(read.id);
    expect(await refusal(readPatchFile(bytes, settingsSchemas()))).toBeInstanceOf(PatchError);
    const wild = await writePatchFile({ ...patch, settings: { ...settings, height: 3 } });
    expect((await refusal(readPatchFile(wild, settingsSchemas(all)))).message).toMatch(/“settings\.height”/);
  });

  it.each([
    ['a height above its bound', { height: 2.5 }, /“height”/],
    ['no height', { height: 0 }, /“height”/],
    ['half a ripple', { ripples: 1.5 }, /“ripples”/],
    ['a place that the model lacks', { places: [4] }, /Layer 4 does not exist/],
    ['no place', { places: [] }, /“places”/],
  ])('refuses %s, naming the setting', async (_, change, message) => {
    const run = runEdit(session, requests, { ...settings, ...change }, { method: 'wave' });
    expect(await refusal(run)).toMatchObject({ code: 'input', message: expect.stringMatching(message) as string });
  });

  it('is not run on settings of another, or where it is not known', async () => {
    const foreign = session.preset('memit').settings;
    expect((await refusal(runEdit(session, requests, foreign, { method: 'wave' }))).message).toMatch(/“places”/);
    const other = await openTiny(null);
    const message = (await refusal(runEdit(other, requests, settings, { method: 'wave' }))).message;
    expect(message).toMatch(/no editing method “wave”/);
    await other.dispose();
  });

  it('can be cancelled, and refuses edits that cannot be made, as any other', async () => {
    const abort = new AbortController();
    const run = runEdit(session, requests, settings, {
      method: 'wave',
      job: { signal: abort.signal },
      onEvent: () => abort.abort(),
    });
    expect(await refusal(run)).toBeInstanceOf(CancelledError);
    const empty = runEdit(session, [], settings, { method: 'wave' });
    expect((await refusal(empty)).message).toMatch(/no edit to make/);
    expect(session.stack.entries).toEqual([]);
  });

  it('is what a benchmark edits with', async () => {
    const record: EvaluationRecord = {
      case_id: 1,
      requested_rewrite: {
        prompt: 'The capital of {} is',
        subject: 'the land',
        target_new: { str: 'on' },
        target_true: { str: 'the' },
      },
      paraphrase_prompts: [],
      neighborhood_prompts: [],
    };
    const stages: string[] = [];
    const { patch, evaluation } = await runBenchmark(
      session,
      { records: [record], edit: { method: 'wave', settings, unedited: true }, generation: null },
      {},
      { onProgress: (stage) => stages.push(stage.kind === 'edit' ? stage.phase : stage.model) },
    );
    expect([...new Set(stages)]).toEqual(['unedited', 'listen', 'play', 'check', 'edited']);
    expect(patch?.method).toBe('wave');
    expect(evaluation.after?.losses).not.toEqual(evaluation.before.losses);
    session.stack.remove(patch!.id);
  });

  it('may be the one that a model comes with a preset for', async () => {
    const preset = { places: [0], height: 1, ripples: 1 };
    const open = async (notes: unknown, methods = all): Promise<ModelSession> =>
      openSession(withFile(folderSource(TINY_MODEL), 'memit.json', JSON.stringify(notes)), await startWasm(1), {
        methods,
      });
    const model = await open({ method: 'wave', preset, presetNote: 'Tuned.' });
    expect(model.preset('wave')).toEqual({ settings: preset, note: 'Tuned.' });
    expect(model.preset('memit')).toEqual(memitPreset(model.model.config));
    await model.dispose();
    const high = await refusal(open({ method: 'wave', preset: { ...preset, height: 9 } }));
    expect(high).toBeInstanceOf(ModelError);
    expect(high.message).toMatch(/memit\.json, preset: .*“height”/);
    const unknown = await refusal(open({ method: 'wave', preset }, [...METHODS]));
    expect(unknown.message).toMatch(/memit\.json, preset: There is no editing method “wave”/);
  });
});
