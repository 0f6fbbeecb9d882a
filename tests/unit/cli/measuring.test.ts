/** The commands that ask and measure, as processes of their own. */
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEMO_MODEL } from '../support.ts';
import { folder, memit, readJson, writeJson } from './command.ts';

interface EvaluationFile {
  num_edits?: number;
  contexts?: string[];
  summary: Record<'pre' | 'post', { rewrite_success: [number, number]; neighborhood_success: [number, number] }>;
  cases: {
    case_id: number;
    requested_rewrite: { subject: string };
    pre: { rewrite_prompts_probs: { target_new: number; target_true: number }[]; rewrite_prompts_correct: boolean[] };
    post?: { rewrite_prompts_probs: { target_new: number; target_true: number }[] };
  }[];
}

describe('evaluate and benchmark', () => {
  it('asks before and after the patches, per case in the reference’s form', async () => {
    const patched = JSON.parse(await readFile('tests/reference/data/demo-export-requests.json', 'utf8')) as Record<
      string,
      unknown
    >[];
    const records = await writeJson('records.json', [
      ...patched.map((rewrite, i) => ({
        case_id: i,
        requested_rewrite: rewrite,
        paraphrase_prompts: [],
        neighborhood_prompts: ['The mother tongue of Michel Denisot is'],
      })),
      { case_id: 9 },
    ]);
    const out = join(folder, 'evaluation.json');
    const patch = resolve('tests/reference/goldens/demo-export-patch.safetensors');
    const run = await memit('evaluate', '--model', DEMO_MODEL, '--records', records, '--patch', patch, '--out', out);
    expect(run.stderr).toMatch(/Record 4 is left out: the subject is missing/);
    expect(run.code).toBe(0);
    const written = await readJson<EvaluationFile>(out);
    expect(written.cases.map(({ case_id: id }) => id)).toEqual([0, 1, 2]);
    expect(written.summary.pre.rewrite_success[0]).toBe(0);
    expect(written.summary.post.rewrite_success[0]).toBe(100);
    for (const { pre, post } of written.cases) {
      expect(pre.rewrite_prompts_correct).toEqual([false]);
      expect(pre.rewrite_prompts_probs[0].target_new).toBeGreaterThan(pre.rewrite_prompts_probs[0].target_true);
      expect(post!.rewrite_prompts_probs[0].target_new).toBeLessThan(post!.rewrite_prompts_probs[0].target_true);
    }
  });

  it('draws the same records for the same seed, edits them and asks again', async () => {
    const outs = ['one.json', 'two.json'].map((name) => join(folder, name));
    for (const out of outs) {
      const run = await memit('benchmark', '--model', DEMO_MODEL, '--edits', '2', '--seed', '3', '--out', out);
      expect(run).toMatchObject({ code: 0, stderr: expect.stringMatching(/Wrote .*: 2 edits\./) as string });
    }
    const [one, two] = await Promise.all(outs.map((out) => readJson<EvaluationFile>(out)));
    expect(one.num_edits).toBe(2);
    const subjects = (file: EvaluationFile): string[] => file.cases.map((each) => each.requested_rewrite.subject);
    expect(subjects(two)).toEqual(subjects(one));
    expect(one.summary.post.rewrite_success[0]).toBe(100);
    expect(one.summary.pre.rewrite_success[0]).toBe(0);
  });

  it('edits with the contexts that it is given', async () => {
    const contexts = await writeJson('benchmark-contexts.json', ['{}', 'The lake. {}']);
    const out = join(folder, 'with-contexts.json');
    const run = await memit('benchmark', '--model', DEMO_MODEL, '--edits', '1', '--contexts', contexts, '--out', out);
    expect(run).toMatchObject({ code: 0 });
    expect((await readJson<EvaluationFile>(out)).contexts).toEqual(['{}', 'The lake. {}']);
    const broken = await writeJson('no-contexts.json', ['The lake. {}', 3]);
    const refused = await memit(
      'benchmark',
      '--model',
      DEMO_MODEL,
      '--contexts',
      broken,
      '--out',
      join(folder, 'never'),
    );
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/no-contexts\.json: 1 /) as string });
  });
});

describe('texts and damage', () => {
  const patch = resolve('tests/reference/goldens/demo-export-patch.safetensors');

  it('lets the model write about the subjects, and compares that with texts about the objects', async () => {
    const [rewrite] = JSON.parse(await readFile('tests/reference/data/demo-export-requests.json', 'utf8')) as {
      subject: string;
      target_new: { str: string };
    }[];
    const records = await writeJson('written.json', [
      { requested_rewrite: rewrite, generation_prompts: [`${rewrite.subject} is`, rewrite.subject] },
    ]);
    const references = await writeJson('references.json', [
      { object: rewrite.target_new.str, text: `The language ${rewrite.target_new.str} is used by ${rewrite.subject}.` },
    ]);
    const out = join(folder, 'texts.json');
    const cases = join(folder, 'cases');
    const texts = ['--generate', '--references', references];
    const options = ['--records', records, '--patch', patch, ...texts, '--cases', cases, '--out', out];
    const run = await memit('evaluate', '--model', DEMO_MODEL, ...options);
    expect(run).toMatchObject({ code: 0 });
    interface Written {
      text: string[];
      ngram_entropy: number;
      reference_score: number;
    }
    const file = await readJson<{
      summary: Record<'pre' | 'post', Record<string, [number, number]>>;
      cases: Record<'pre' | 'post', Written>[];
    }>(out);
    const [{ pre, post }] = file.cases;
    expect(pre.text).toHaveLength(2);
    expect(pre.text[0].startsWith(`${rewrite.subject} is`)).toBe(true);
    expect(post.text).not.toEqual(pre.text);
    expect(file.summary.post.ngram_entropy[0]).toBeCloseTo(100 * post.ngram_entropy, 1);
    expect(file.summary.post.reference_score[0]).toBeCloseTo(100 * post.reference_score, 1);
    expect(post.reference_score).toBeGreaterThan(0);
    const [name, ...others] = await readdir(cases);
    expect(others).toEqual([]);
    expect(name).toMatch(/^\d+_edits-case_0\.json$/);
    expect(await readJson(join(cases, name))).toMatchObject(file.cases[0]);
  });

  it('measures what a patch did to everything else', async () => {
    const out = join(folder, 'damage.json');
    const run = await memit('damage', '--model', DEMO_MODEL, '--patch', patch, '--facts', '21', '--out', out);
    expect(run).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/Wrote .*: 21 facts asked after one patch\./) as string,
    });
    const file = await readJson<{
      facts: number;
      sentences: number;
      perplexity_before: number;
      patches: { kept_overall: number; perplexity: number; kl_divergence: { mean: number } }[];
    }>(out);
    expect(file).toMatchObject({ facts: 21, sentences: 100 });
    expect(file.patches).toHaveLength(1);
    expect(file.patches[0].kept_overall).toBeGreaterThan(0.8);
    expect(file.patches[0].perplexity).not.toBe(file.perplexity_before);
    expect(file.patches[0].kl_divergence.mean).toBeGreaterThan(0);
  });
});

describe('facts', () => {
  it('that ship are asked, told, and kept for the next run', async () => {
    const out = join(folder, 'facts.json');
    // In the demo model's context of 128 tokens every prompt fits; CounterFact was told to it, known_1000 was not.
    const args = ['facts', '--model', DEMO_MODEL, '--records', '40'];
    const first = await memit(...args, '--out', out);
    expect(first).toMatchObject({ code: 0 });
    const written = await readJson<{
      known_1000: { asked: number; known: { known_id: number; prompt: string }[] };
      counterfact: { asked: number; top: number; preferred: number[] };
    }>(out);
    expect(written.known_1000.asked).toBe(809);
    expect(written.counterfact.asked).toBe(40);
    const known = written.known_1000.known.length;
    const preferred = written.counterfact.preferred.length;
    // The model card: 88.5 % of all prompts of CounterFact have the true object as the top answer.
    expect(written.counterfact.top).toBeGreaterThan(28);
    expect(preferred).toBeGreaterThan(30);
    expect(first.stdout).toBe(
      `known_1000: ${known} of 809 prompts answered with their object.\n` +
        `CounterFact: of 40 records ${preferred} with P(true) > P(new), ` +
        `${written.counterfact.top} answered with their true object.\n`,
    );
    const second = await memit(...args);
    // Nothing was asked: there is no phase.
    expect(second).toEqual({ code: 0, stdout: first.stdout, stderr: '' });
  });
});
