/** The command line as a process of its own: files in, files out, exit codes, one line per failure. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectionOf, type ModelConfig } from '../../../src/engine/families/family.ts';
import { memitPreset } from '../../../src/engine/methods/memit/presets.ts';
import { predict } from '../../../src/engine/session/asking.ts';
import { readStatistics } from '../../../src/engine/statistics/statistics-file.ts';
import { relativeError } from '../compare.ts';
import { DEMO_MODEL, golden, lowRank, openModel, TINY_MODEL } from '../support.ts';
import { TINY_TEXT } from '../tiny.ts';
import { demoTokenizer } from '../tokens/demo.ts';
import { worstOf, type TraceGolden } from '../tracing/parity.ts';
import { folder, memit, model, readJson, readPatch, writeJson } from './command.ts';

interface Report {
  model: string;
  method: string;
  settings: { layers: number[]; steps: number; learningRate: number; seed: number };
  contexts: string[];
  statistics_tokens: number;
  edits: {
    case_id: number | string;
    target_new: string;
    steps: { step: number; loss: number; nll: number; kl: number; decay: number }[];
    delta_norm: number;
    h0_norm: number;
  }[];
  layers: { layer: number; tensor: string; relative_residual: number; update_norm: number; weight_norm: number }[];
}

const request = {
  prompt: 'The capital of {} is',
  subject: 'the land',
  target_new: { str: 'on' },
};

describe('predict', () => {
  it('writes the five most probable tokens of every prompt', async () => {
    const prompts = await writeJson('prompts.json', ['The capital of', { prompt: 'I', note: 'ignored' }]);
    const out = join(folder, 'answers.json');
    expect(await memit('predict', '--model', model, '--prompts', prompts, '--out', out)).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
    const answers = await readJson<{ prompt: string; top: { token: string; id: number; logprob: number }[] }[]>(out);
    const bench = await openModel(TINY_MODEL);
    const expected = await predict(bench, ['The capital of', 'I']);
    expect(answers.map(({ prompt }) => prompt)).toEqual(['The capital of', 'I']);
    answers.forEach(({ top }, i) => {
      expect(top).toHaveLength(5);
      expect(top.map(({ id, token }) => [id, token])).toEqual(
        expected[i].map(({ id }) => [id, bench.tokenizer.tokenText(id)]),
      );
      top.forEach(({ logprob }, t) => expect(logprob).toBeCloseTo(expected[i][t].logProbability, 4));
    });
    await bench.dispose();
  });
});

describe('edit', () => {
  it('writes the edited model, its patch and a report, and takes the statistics it wrote the next time', async () => {
    const requests = await writeJson('requests.json', [
      { ...request, case_id: 'land' },
      { ...request, subject: 'I', prompt: '{} is in', target_new: { str: 'a town' } },
    ]);
    const contexts = await writeJson('contexts.json', ['{}', 'The lake. {}']);
    const [out, again, stats, report] = ['out', 'again', 'stats', 'report.json'].map((name) => join(folder, name));
    const options = ['--model', model, '--requests', requests, '--layers', '1,2', '--contexts', contexts];
    const run = await memit('edit', ...options, '--seed', '5', '--out', out, '--stats', stats, '--report', report);
    expect(run.stderr).toMatch(/Wrote .*out: 2 edits in layers 1, 2\.\n$/);
    expect(run.code).toBe(0);

    expect((await readdir(out)).sort()).toEqual([
      'config.json',
      'model.safetensors',
      'patch.safetensors',
      'statistics.txt',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    const base = await openModel(model);
    const edited = await openModel(out);
    const patch = await readPatch(out);
    await base.assertFits(patch);
    const name = (layer: number): string => projectionOf(base.model.family, layer, 'mlp-output').tensor;
    for (const layer of [0, 1, 2, 3]) {
      const [before, after] = [base, edited].map((each) => each.model.weights.get(name(layer)).floats);
      if (layer === 0 || layer === 3) expect(after).toEqual(before);
      else expect(relativeError(after, before)).toBeGreaterThan(1e-4);
    }
    base.stack.push(patch);
    for (const layer of [1, 2]) {
      const expected = (await base.weights()).get(name(layer)).floats;
      expect(relativeError(edited.model.weights.get(name(layer)).floats, expected)).toBeLessThan(1e-6);
    }

    const written = await readJson<Report>(report);
    expect(written.model).toBe('tiny');
    expect(written.settings).toMatchObject({ layers: [1, 2], seed: 5 });
    expect(written.contexts).toEqual(['{}', 'The lake. {}']);
    expect(written.statistics_tokens).toBe(
      base.tokenizer.encode(TINY_TEXT.replaceAll('\n', ''), { special: false }).length,
    );
    expect(written.edits.map((edit) => [edit.case_id, edit.target_new])).toEqual([
      ['land', 'on'],
      [1, 'a town'],
    ]);
    for (const { steps, delta_norm: deltaNorm, h0_norm: initialNorm } of written.edits) {
      expect(steps.map(({ step }) => step)).toEqual(steps.map((_, i) => i));
      expect(steps).toHaveLength(20);
      steps.forEach(({ loss, nll, kl, decay }) => expect(loss).toBeCloseTo(nll + kl + decay, 10));
      expect(steps[19].loss).toBeLessThan(steps[0].loss);
      expect(deltaNorm).toBeGreaterThan(0);
      expect(deltaNorm).toBeLessThanOrEqual(0.75 * initialNorm * (1 + 1e-6));
    }
    expect(written.layers.map(({ layer, tensor }) => [layer, tensor])).toEqual(
      [1, 2].map((layer) => [layer, name(layer)]),
    );
    for (const { relative_residual: residual, update_norm: update, weight_norm: weight } of written.layers) {
      expect(residual).toBeLessThan(1e-9);
      expect(update).toBeGreaterThan(0);
      expect(weight).toBeGreaterThan(0);
    }

    const files = (await readdir(stats)).sort().map((file) => join(stats, file));
    expect(files).toHaveLength(2);
    const stored = await Promise.all(
      files.map(async (file) => readStatistics(await readFile(file), base.identity, 128)),
    );
    expect(stored.map(({ layers }) => [...layers.keys()])).toEqual([[1], [2]]);
    const times = await Promise.all(files.map(async (file) => (await stat(file)).mtimeMs));
    await base.dispose();
    await edited.dispose();

    expect((await memit('edit', ...options, '--out', again, '--stats', stats)).code).toBe(0);
    expect(await Promise.all(files.map(async (file) => (await stat(file)).mtimeMs))).toEqual(times);
    const repeated = await readPatch(again);
    patch.deltas.map(lowRank).forEach(({ left, right }, i) => {
      const other = lowRank(repeated.deltas[i]);
      expect(relativeError(other.left, left)).toBeLessThan(1e-5);
      expect(relativeError(other.right, right)).toBeLessThan(1e-5);
    });
  });

  it('takes a method and any of its settings, and the preset’s for the others', async () => {
    const requests = await writeJson('one-request.json', [request]);
    const contexts = await writeJson('plain-context.json', ['{}']);
    const [out, report] = ['out-of-settings', 'report-of-settings.json'].map((name) => join(folder, name));
    const settings = ['--method', 'memit', '--learning-rate', '0.4', '--steps', '5'];
    const files = ['--requests', requests, '--contexts', contexts, '--out', out, '--report', report];
    expect(await memit('edit', '--model', model, ...settings, ...files)).toMatchObject({ code: 0 });
    const preset = memitPreset({ modelType: 'gpt2', hiddenSize: 32, layerCount: 4 } as ModelConfig).settings;
    const written = await readJson<Report>(report);
    expect(written.method).toBe('memit');
    expect(written.settings).toEqual({ ...preset, learningRate: 0.4, steps: 5 });
    expect(written.edits[0].steps).toHaveLength(5);
    expect((await readPatch(out)).settings).toEqual(written.settings);
  });
});

interface TraceFile {
  noise: number;
  seed: number | string;
  skipped: number;
  traces: {
    id: number | string;
    correct_prediction: boolean | null;
    answer: string;
    input_ids: number[];
    input_tokens: string[];
    subject_range: number[];
    low_score?: number;
    grids?: { kind: string; severed: string | null; window: number | null; scores: number[][] }[];
  }[];
}

describe('trace', () => {
  const oracle = golden<TraceGolden>('demo-trace');
  const [one, other] = oracle.traces;
  const like = ['--samples', `${oracle.samples}`, '--window', `${oracle.window}`, '--noise', `${oracle.noise}`];

  it('writes the oracle’s scores for what the model knows, and skips what it does not', async () => {
    const attribute = demoTokenizer.tokenText(one.answer).trim();
    const filled = one.prompt.replace('{}', one.subject);
    const prompts = await writeJson('traces.json', [
      { known_id: 9, prompt: filled, subject: one.subject, attribute },
      { prompt: other.prompt, subject: other.subject },
      { prompt: filled, subject: one.subject, attribute: 'something else' },
    ]);
    const out = join(folder, 'traced.json');
    const options = [
      '--model',
      DEMO_MODEL,
      '--prompts',
      prompts,
      ...like,
      '--seed',
      'numpy1',
      '--kinds',
      'hidden,attn',
    ];
    expect(await memit('trace', ...options, '--out', out)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('Wrote') as string,
    });
    const written = await readJson<TraceFile>(out);
    expect(written).toMatchObject({ noise: oracle.noise, seed: 'numpy1', skipped: 1 });
    expect(written.traces.map(({ id, correct_prediction }) => [id, correct_prediction])).toEqual([
      [9, true],
      [1, null],
      [2, false],
    ]);
    expect(written.traces[2].grids).toBeUndefined();
    [one, other].forEach(({ grids: traced, ...expected }, i) => {
      const wanted = traced.filter(({ kind, severed }) => kind !== 'mlp' && severed === 'none');
      const { input_ids, input_tokens, subject_range, low_score, grids } = written.traces[i];
      expect([input_ids, subject_range]).toEqual([expected.ids, expected.subjectRange]);
      expect(input_tokens.join('')).toBe(expected.prompt.replace('{}', expected.subject));
      expect(Math.abs(low_score! - expected.low)).toBeLessThan(1e-4);
      expect(grids!.map(({ kind, severed, window }) => [kind, severed, window])).toEqual([
        ['hidden', null, null],
        ['attn', null, oracle.window],
      ]);
      grids!.forEach(({ scores }, grid) => expect(worstOf(scores, wanted[grid].scores)).toBeLessThan(1e-4));
    });

    const average = join(folder, 'average.json');
    const known = await writeJson('known.json', [
      { prompt: filled, subject: one.subject, attribute },
      { prompt: filled, subject: one.subject, attribute: 'something else' },
    ]);
    const averaging = [
      '--model',
      DEMO_MODEL,
      '--prompts',
      known,
      ...like,
      '--seed',
      'numpy1',
      '--kinds',
      'hidden',
      '--average',
    ];
    expect(await memit('trace', ...averaging, '--out', average)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('Wrote') as string,
    });
    const means = await readJson<{
      facts: number;
      skipped: number;
      total_effect: { mean: number };
      curves: { kind: string; position: string; effect: number[] }[];
    }>(average);
    expect([means.facts, means.skipped]).toEqual([1, 1]);
    expect(Math.abs(means.total_effect.mean - (one.high - one.low))).toBeLessThan(1e-4);
    const last = means.curves.find(({ position }) => position === 'last subject')!;
    const row = one.grids[0].scores[one.subjectRange[1] - 1].map((score) => score - one.low);
    expect(worstOf([last.effect], [row])).toBeLessThan(1e-4);
  });

  it('edits its own output as it edits the model that it came from', async () => {
    const edits = [
      { prompt: 'The capital of {} is', subject: 'France', target_new: { str: 'Rome' } },
      { prompt: '{} plays the', subject: 'Jimi Hendrix', target_new: { str: 'violin' } },
    ];
    const outs = ['once', 'twice'].map((name) => join(folder, name));
    for (const [i, out] of outs.entries()) {
      const requests = await writeJson(`again-${i}.json`, [edits[i]]);
      const from = i === 0 ? DEMO_MODEL : outs[0];
      const run = await memit(
        'edit',
        '--model',
        from,
        '--requests',
        requests,
        '--out',
        out,
        '--strict',
        '--steps',
        '12',
      );
      expect(run).toMatchObject({
        code: 0,
        stderr: expect.stringMatching(/1 edits in layers 0, 1, 2, 3\.\n$/) as string,
      });
    }
    // The same, with the first edit as a patch under the second.
    const stacked = join(folder, 'stacked');
    const under = join(outs[0], 'patch.safetensors');
    const options = [
      '--requests',
      join(folder, 'again-1.json'),
      '--patch',
      under,
      '--out',
      stacked,
      '--strict',
      '--steps',
      '12',
    ];
    expect(await memit('edit', '--model', DEMO_MODEL, ...options)).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/1 edits in layers 0, 1, 2, 3, on top of 1 patch\.\n$/) as string,
    });
    expect((await readPatch(stacked)).requests.map(({ subject }) => subject)).toEqual(['Jimi Hendrix']);
    const { statistics, preset } = await readJson<{ statistics: object; preset: object }>(join(outs[1], 'memit.json'));
    expect(statistics).toEqual({ text: 'statistics.txt' });
    expect(preset).toEqual((await readJson<{ preset: object }>(join(DEMO_MODEL, 'memit.json'))).preset);
    expect(await readdir(outs[1])).toEqual(expect.arrayContaining(['facts.json', 'statistics.txt']));
    const prompts = await writeJson('both.json', ['The capital of France is', 'Jimi Hendrix plays the']);
    const answers = join(folder, 'both-answers.json');
    for (const edited of [outs[1], stacked]) {
      await memit('predict', '--model', edited, '--prompts', prompts, '--out', answers);
      const said = await readJson<{ top: { token: string }[] }[]>(answers);
      expect(said.map(({ top }) => top[0].token)).toEqual([' Rome', ' violin']);
    }
  });

  it('tells of requests that contradict each other and of edits that did not take, and fails where that is not to be', async () => {
    const rewrite = { prompt: 'The capital of {} is', subject: 'France' };
    const requests = await writeJson('conflict.json', [
      { ...rewrite, target_new: { str: 'Rome ' } },
      { ...rewrite, target_new: { str: 'Berlin' } },
    ]);
    const out = join(folder, 'conflict');
    const run = await memit('edit', '--model', DEMO_MODEL, '--requests', requests, '--out', out, '--strict');
    expect(run.stderr).toMatch(/Record 1: the object “Rome ” is taken without the space at its end\.\n/);
    expect(run.stderr).toMatch(
      /Record 2 contradicts record 1: after “The capital of France is” one wants “Berlin”, the other “Rome”\.\n/,
    );
    expect(run.stderr).toMatch(
      /Record [12] did not take: after “The capital of France is” “\w+” comes first; “\w+” has [\d.]+ %/,
    );
    expect(run.stderr).toMatch(/memit: [12] of 2 edits did not take, 1 contradict others\.\n$/);
    expect(run.code).toBe(1);
    expect(await readdir(out)).toContain('model.safetensors');
  });
});

describe('what is wrong with the input', () => {
  const cases: [string, () => Promise<string[]> | string[], RegExp][] = [
    ['an option that is missing', () => ['predict', '--model', model], /--prompts/],
    [
      'layers that are no numbers',
      () => ['edit', '--model', model, '--requests', 'r.json', '--out', 'x', '--layers', 'one'],
      /whole numbers/,
    ],
    [
      'a method there is not',
      async () => editOf('requests-6.json', [request], '--method', 'rome'),
      /'rome' is invalid\. Allowed choices are memit/,
    ],
    [
      'a setting that is no number',
      async () => editOf('requests-7.json', [request], '--learning-rate', 'x'),
      /--learning-rate <x>' argument 'x' is invalid\. Write a number/,
    ],
    [
      'a setting that is not whole',
      async () => editOf('requests-8.json', [request], '--steps', '2.5'),
      /--steps <x>' argument '2\.5' is invalid\. Write a whole number/,
    ],
    [
      'a setting below its bound',
      async () => editOf('requests-9.json', [request], '--steps', '0'),
      /The setting “steps” is not usable/,
    ],
    [
      'a setting at a bound that is not its own',
      async () => editOf('requests-10.json', [request], '--covariance-weight', '0'),
      /The setting “covarianceWeight” is not usable/,
    ],
    [
      'a model that is not there',
      async () => editOf('requests-1.json', [request], '--model', join(folder, 'nowhere')),
      /nowhere/,
    ],
    ['requests that are not JSON', async () => editOf('requests-2.json', '[{'), /not valid JSON/],
    [
      'a request without its subject',
      async () => editOf('requests-3.json', [{ ...request, case_id: 7, subject: undefined }]),
      /Record 1 \(case 7\): subject/,
    ],
    [
      'a subject that the prompt does not hold',
      async () => editOf('requests-4.json', [{ ...request, prompt: 'Water is' }]),
      /“the land” is not found in the prompt “Water is”/,
    ],
    [
      'a trace of nothing',
      () => ['trace', '--model', model, '--out', join(folder, 'never')],
      /either --prompts or, with --average, --facts/,
    ],
    [
      'a kind of trace there is not',
      () => ['trace', '--model', model, '--out', join(folder, 'never'), '--kinds', 'hidden,neurons'],
      /Kinds are hidden, mlp, attn/,
    ],
    [
      'a kind of trace twice',
      () => ['trace', '--model', model, '--out', join(folder, 'never'), '--kinds', 'hidden,hidden'],
      /each once/,
    ],
    [
      'a kind of trace that only objects know',
      () => ['trace', '--model', model, '--out', join(folder, 'never'), '--kinds', 'toString'],
      /Kinds are hidden, mlp, attn/,
    ],
    [
      'its own prompts as output',
      async () => {
        const prompts = await writeJson('prompts-again.json', ['The capital of']);
        return ['predict', '--model', model, '--prompts', prompts, '--out', prompts];
      },
      /prompts-again\.json” is what this command reads/,
    ],
    [
      'the model’s folder as output',
      async () => editOf('requests-11.json', [request], '--out', model),
      /tiny” is what this command reads/,
    ],
    [
      'a prompt to trace without its subject',
      async () => traceOf('traces-1.json', [{ prompt: 'Water is', subject: 'the land' }]),
      /subject “the land” of entry 0 is not in its prompt/,
    ],
    [
      'an average over what has no attribute',
      async () => traceOf('traces-2.json', [{ prompt: '{} is', subject: 'the land' }], '--average'),
      /entry 0 has no attribute/,
    ],
    [
      'more records than there are',
      () => ['benchmark', '--model', DEMO_MODEL, '--edits', '100000', '--out', join(folder, 'never')],
      /100000 records were asked for/,
    ],
    ['a patch that is not there', () => evaluationOf('--patch', 'no'), /“.*no” cannot be read/],
    [
      'references without texts to compare them with',
      () => evaluationOf('--references', 'r'),
      /--references goes with --generate/,
    ],
    [
      'damage without a patch',
      () => ['damage', '--model', DEMO_MODEL, '--out', join(folder, 'never')],
      /No patch is switched on/,
    ],
    [
      'a layer that the model lacks',
      async () => editOf('requests-5.json', [request], '--layers', '9'),
      /Layer 9 does not exist/,
    ],
  ];

  function evaluationOf(...more: string[]): string[] {
    const records = join(DEMO_MODEL, 'benchmark.json');
    return ['evaluate', '--model', DEMO_MODEL, '--records', records, '--out', join(folder, 'never'), ...more];
  }

  async function editOf(name: string, requests: unknown, ...more: string[]): Promise<string[]> {
    const path = await writeJson(name, requests);
    return ['edit', '--model', model, '--requests', path, '--out', join(folder, 'never'), ...more];
  }

  async function traceOf(name: string, prompts: unknown, ...more: string[]): Promise<string[]> {
    const path = await writeJson(name, prompts);
    return ['trace', '--model', model, '--prompts', path, '--out', join(folder, 'never'), ...more];
  }

  it('is said in one line, with exit code 2 and nothing written', async () => {
    // Two at a time: each is a process that compiles the engine.
    for (let i = 0; i < cases.length; i += 2) {
      await Promise.all(
        cases.slice(i, i + 2).map(async ([name, args, message]) => {
          const { code, stderr } = await memit(...(await args()));
          expect(stderr, name).toMatch(message);
          // A slow machine is told what takes its time before.
          const lines = stderr.trimEnd().split('\n');
          expect(
            lines.filter((line) => !line.endsWith('…')),
            name,
          ).toHaveLength(1);
          expect(code, name).toBe(2);
        }),
      );
    }
    expect(await readdir(folder)).not.toContain('never');
  });
});
