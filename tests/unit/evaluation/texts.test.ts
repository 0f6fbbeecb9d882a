/** Generated texts: words, fluency and consistency against NLTK and scikit-learn, what is generated, and where references come from. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CancelledError, EngineError } from '../../../src/engine/errors.ts';
import { generateTexts, judgeTexts, nGramEntropy } from '../../../src/engine/evaluation/generation.ts';
import { importRecords } from '../../../src/engine/evaluation/import.ts';
import { metricsOf } from '../../../src/engine/evaluation/metrics.ts';
import { ReferenceTexts } from '../../../src/engine/evaluation/reference-texts.ts';
import { firstSentence, treebankWords } from '../../../src/engine/evaluation/words.ts';
import { continueRows } from '../../../src/engine/model/decoding.ts';
import { argmax, largest } from '../../../src/engine/model/sampling.ts';
import { expectBelow } from '../compare.ts';
import { DEMO_MODEL, golden, nextTokenLogits, openModel } from '../support.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';

interface TextsGolden {
  sentences: { text: string; words: string[] }[];
  references: object[];
  results: { texts: string[]; fluency: number; consistency: number | null }[];
}

const oracle = golden<TextsGolden>('demo-texts');
const benchmark = JSON.parse(readFileSync(`${DEMO_MODEL}/benchmark.json`, 'utf8')) as object[];
const { records } = importRecords(JSON.stringify(benchmark.slice(0, oracle.results.length)));
const references = ReferenceTexts.parse(JSON.stringify(oracle.references));

describe('words', () => {
  it.each(oracle.sentences)('are NLTK’s: $text', ({ text, words }) => {
    expect(treebankWords(text)).toEqual(words);
  });
});

describe('firstSentence', () => {
  it.each([
    [' IBM. The language of The Crime of Theod', ' IBM.'],
    [' the city of St. Louis, where it', ' the city of St. Louis, where it'],
    ['', ''],
  ])('of “%s” is “%s”', (text, sentence) => {
    expect(firstSentence(text)).toBe(sentence);
  });
});

describe('metrics of given texts', () => {
  it('are NLTK’s and scikit-learn’s', () => {
    let [fluency, consistency] = [0, 0];
    oracle.results.forEach((expected, i) => {
      const actual = judgeTexts(records[i], expected.texts, references);
      fluency = Math.max(fluency, Math.abs(actual.fluency! - expected.fluency));
      if (expected.consistency === null) expect(actual.consistency).toBeNull();
      else consistency = Math.max(consistency, Math.abs(actual.consistency! - expected.consistency));
    });
    expectBelow('GE of 50 records', fluency, 1e-6);
    expectBelow('RS of 50 records', consistency, 1e-6);
  });

  it('are nothing where there is nothing, never zero', () => {
    expect(judgeTexts(records[0], [], references)).toEqual({ texts: [], fluency: null, consistency: null });
    const alone = judgeTexts(records[0], ['a text of words'], null);
    expect(alone.consistency).toBeNull();
    const losses = [{ rewrite: [], paraphrase: [], neighborhood: [] }];
    expect(metricsOf({ losses, texts: [alone] }).texts?.consistency).toBeNull();
    expect(metricsOf({ losses, texts: null }).texts).toBeNull();
  });

  it('find no entropy in one word said again and again', () => {
    expect(nGramEntropy('no no no no no')).toBe(0);
    expect(nGramEntropy('')).toBe(0);
    // Four bigrams and three trigrams, each once.
    expect(nGramEntropy('a b c d e')).toBeCloseTo(((2 / 3) * 2 + (4 / 3) * Math.log2(3)) / 2, 12);
  });
});

describe('reference texts', () => {
  const rewrite = { prompt: '{}', subject: 'x', target_new: { str: 'French', id: 'Q150' }, relation_id: 'P103' };
  const written = 'she spoke french at home';

  it('are found by relation and id, by relation and name, or by name', () => {
    const text = 'French is spoken here';
    for (const entry of [
      { relation_id: 'P103', target_id: 'Q150', samples: [{ name: 'Ann', text }] },
      { relation_id: 'P103', target_id: 'french', samples: [{ text }] },
      { object: 'French', text },
      { object: ' french', texts: [text, text] },
    ]) {
      const read = ReferenceTexts.parse(JSON.stringify([entry, { object: 'Other', text: 'home at last' }]));
      expect(read.similarity(rewrite, written)).toBeGreaterThan(0.2);
      expect(read.objects).toBe(2);
    }
    const other = ReferenceTexts.parse('object,text\nGerman,French is spoken here\n');
    expect(other.similarity(rewrite, written)).toBeNull();
  });

  it('are refused by number', () => {
    expect(() => ReferenceTexts.parse('[{"object": "x", "text": "y"}, {"object": "x"}]')).toThrow(/Reference text 2/);
    expect(() => ReferenceTexts.parse('[]')).toThrow(EngineError);
  });
});

describe('generation', () => {
  let bench: ModelSession;
  beforeAll(async () => {
    bench = await openModel(DEMO_MODEL);
  });
  afterAll(() => bench.dispose());

  it('continues rows of different lengths as whole forward passes do', async () => {
    const { model, tokenizer } = bench;
    const rows = ['The capital of France', 'She', 'In the beginning there was a small', 'It is'].map((text) =>
      tokenizer.encode(text, { special: true }),
    );
    const wanted = [6, 12, 1, 9];
    // Row 1 ends itself after three tokens, the others at their counts: each time the rest are moved.
    let chosen = 0;
    const added = await continueRows(model, model.weights, rows, wanted, (logits, row) => {
      if (row === 1) chosen += 1;
      return row === 1 && chosen === 4 ? null : argmax(logits);
    });
    for (const [r, row] of rows.entries()) {
      expect(added[r].length).toBe(r === 1 ? 3 : wanted[r]);
      const whole = await nextTokenLogits(
        model,
        model.weights,
        added[r].map((_, t) => [...row, ...added[r].slice(0, t)]),
      );
      expect(added[r]).toEqual(whole.map(argmax));
    }
  });

  it('writes 100 tokens after each prompt, the same for the same seed, each of the five most probable', async () => {
    const { model, tokenizer } = bench;
    const some = records.slice(0, 2).map((record) => ({
      ...record,
      generation_prompts: record.generation_prompts?.slice(0, 2),
    }));
    const seen: number[] = [];
    const write = (seed: number): ReturnType<typeof generateTexts> =>
      generateTexts(model, tokenizer, model.weights, some, { seed, references }, {}, (done, total) => {
        seen.push(done / total);
      });
    const first = await write(1);
    expect(seen.at(0)).toBe(0);
    expect(seen.at(-1)).toBe(1);
    expect(await write(1)).toEqual(first);
    expect((await write(2))[0].texts).not.toEqual(first[0].texts);
    for (const [i, { texts, fluency }] of first.entries()) {
      expect(fluency).toBeGreaterThan(1);
      for (const [p, text] of texts.entries()) expect(text.startsWith(some[i].generation_prompts![p])).toBe(true);
    }
    const ids = tokenizer.encode(first[0].texts[0], { special: true });
    expect(ids.length).toBeGreaterThan(90);
    const start = tokenizer.encode(some[0].generation_prompts![0], { special: true }).length;
    const [logits] = await nextTokenLogits(model, model.weights, [ids.slice(0, start)]);
    expect(largest(logits, 5)).toContain(ids[start]);
  });

  it('can be cancelled', async () => {
    const { model, tokenizer } = bench;
    const controller = new AbortController();
    const run = generateTexts(
      model,
      tokenizer,
      model.weights,
      records.slice(0, 1),
      { seed: 0 },
      { signal: controller.signal },
      () => {
        controller.abort();
      },
    );
    await expect(run).rejects.toThrow(CancelledError);
  });
});
