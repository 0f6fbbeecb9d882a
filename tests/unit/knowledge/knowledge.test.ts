/** Finding out what a model knows: against what PyTorch found of the same models, and what is kept of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startWasm } from '../../../src/cli/backend.ts';
import { folderSource } from '../../../src/cli/folder-source.ts';
import type { AnswerStore, KeptAnswers } from '../../../src/engine/knowledge/answers.ts';
import { ReferenceData } from '../../../src/engine/knowledge/reference-data.ts';
import { openSession } from '../../../src/engine/session/open.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';
import { MissingFileError, type ModelSource } from '../../../src/engine/sources/model-source.ts';
import { memorySource } from '../../../src/engine/weights/byte-source.ts';
import { subjectNoise } from '../../../src/engine/tracing/subject-noise.ts';
import { DEMO_MODEL, golden, readJson, TINY_MODEL } from '../support.ts';

type Row = (string | number | null)[];

interface DemoFacts {
  relations: {
    id: string;
    label: string;
    templates: string[];
    facts: { subject: string; object: string; known: boolean }[];
  }[];
}

const PROMPT_COLUMNS = ['known_id', 'relation_id', 'prompt', 'subject', 'object'];
const RECORD_COLUMNS = [
  ...['case_id', 'relation_id', 'prompt', 'subject', 'target_true', 'target_new'],
  ...['paraphrase', 'generation', 'neighbour'],
];

/** A folder of files that are given as texts. */
function textFolder(files: Record<string, string>): ModelSource {
  return {
    id: 'texts',
    revision: null,
    name: 'texts',
    list: async () => null,
    open: async (path) => {
      const text = files[path] as string | undefined;
      if (text === undefined) throw new MissingFileError(`There is no file “${path}”.`);
      return memorySource(path, new TextEncoder().encode(text));
    },
  };
}

function dataOf(prompts: readonly Row[], records: readonly Row[]): ReferenceData {
  const lines = (columns: Row, rows: readonly Row[]): string =>
    [columns, ...rows].map((row) => `${JSON.stringify(row)}\n`).join('');
  const facts = [
    ['Oslo', 'Norway'],
    ['Bergen', 'Norway'],
  ];
  const relation = { id: 'P1', label: 'a relation', templates: ['{} is in', '{} lies in'], facts };
  return new ReferenceData(
    textFolder({
      'facts.json': JSON.stringify({ prompts: prompts.length, records: records.length, relations: [relation] }),
      'known-facts.jsonl': lines(PROMPT_COLUMNS, prompts),
      'counterfact.jsonl': lines(RECORD_COLUMNS, records),
      'held-out.txt': 'A sentence.\n\nAnother.\n',
      'statistics.txt': 'A text.\n',
    }),
  );
}

class MemoryStore implements AnswerStore {
  readonly kept = new Map<string, KeptAnswers>();
  saves = 0;

  loadAnswers(modelHash: string): Promise<unknown> {
    return Promise.resolve(structuredClone(this.kept.get(modelHash) ?? null));
  }

  saveAnswers(modelHash: string, answers: KeptAnswers): Promise<void> {
    this.saves += 1;
    this.kept.set(modelHash, structuredClone(answers));
    return Promise.resolve();
  }
}

/** The demo model without anything that says what it knows. */
function bareDemo(): ModelSource {
  const source = folderSource(DEMO_MODEL);
  const absent = ['facts.json', 'benchmark.json', 'held-out.txt', 'statistics.txt', 'memit.json'];
  return {
    ...source,
    open: (path, ...rest) =>
      absent.includes(path)
        ? Promise.reject(new MissingFileError(`There is no file “${path}”.`))
        : source.open(path, ...rest),
  };
}

/** Facts that PyTorch found the demo model to know, each with the object of another of them that has the same relation and is not its own. */
function demoFacts(perRelation: number): { template: string; subject: string; object: string; other: string }[] {
  const { relations } = readJson<DemoFacts>(`${DEMO_MODEL}/facts.json`);
  return relations.flatMap(({ templates, facts }) => {
    const known = facts.filter((fact) => fact.known).slice(0, 40);
    return known.slice(0, perRelation).flatMap(({ subject, object }) => {
      const other = known.find((fact) => fact.object !== object)?.object;
      return other === undefined ? [] : [{ template: templates[0], subject, object, other }];
    });
  });
}

const facts = demoFacts(2);
/** Every other one with an object that is not its own. */
const promptRows = facts.map(({ template, subject, object, other }, i): Row => {
  return [10 * i, 'P1', template, subject, i % 2 === 0 ? object : other];
});
const knownPrompts = promptRows.filter((_, i) => i % 2 === 0).map(([id]) => id);
/** Every third one with the objects changed about. */
const recordRows = facts.map(({ template, subject, object, other }, i): Row => {
  const [truth, wrong] = i % 3 === 0 ? [other, object] : [object, other];
  return [7 * i, 'P1', template, subject, truth, wrong, null, `${subject} is`, `${subject} too is`];
});
const knownRecords = recordRows.filter((_, i) => i % 3 !== 0).map(([id]) => id);

async function openDemo(data: ReferenceData | null, store?: AnswerStore): Promise<ModelSession> {
  return openSession(bareDemo(), await startWasm(1), {
    ...(data && { data }),
    ...(store && { answerStore: store }),
  });
}

let demo: ModelSession;
const store = new MemoryStore();

beforeAll(async () => {
  demo = await openDemo(dataOf(promptRows, recordRows), store);
});

afterAll(() => demo.dispose());

describe('a model without files of its own', () => {
  it('has the relations that ship, of which it was asked nothing', async () => {
    const { knowledge } = demo;
    expect(knowledge.origin).toBe('shipped');
    expect(demo.facts?.relations.map(({ id }) => id)).toEqual(['P1']);
    expect(await knowledge.counts()).toEqual({
      prompts: { asked: 0, known: 0, of: promptRows.length },
      records: { asked: 0, preferred: 0, top: 0, of: recordRows.length },
    });
    expect(await knowledge.sentences()).toEqual(['A sentence.', 'Another.']);
    expect(demo.statisticsText).toEqual({ origin: 'shipped', text: 'A text.\n' });
  });

  it('takes the noise of traces from all subjects while it was not asked', async () => {
    const all = promptRows.map(([, , , subject]) => String(subject));
    expect(await demo.tracer.noiseOver([])).toBeCloseTo(await subjectNoise(demo.model, demo.tokenizer, all), 10);
  });

  it('knows what PyTorch found it to know', async () => {
    const told: string[] = [];
    await demo.knowledge.find(Infinity, {}, (asking, done, total) => told.push(`${asking} ${done} of ${total}`));
    expect(told[0]).toBe(`prompts 0 of ${promptRows.length}`);
    expect(told.at(-1)).toBe(`records ${recordRows.length} of ${recordRows.length}`);
    const { prompts, records } = await demo.knowledge.found();
    expect(prompts.map(({ id }) => id)).toEqual(knownPrompts);
    expect(records.map(({ id }) => id)).toEqual(knownRecords);
    expect(await demo.knowledge.counts()).toEqual({
      prompts: { asked: promptRows.length, known: knownPrompts.length, of: promptRows.length },
      records: {
        asked: recordRows.length,
        preferred: knownRecords.length,
        top: knownRecords.length,
        of: recordRows.length,
      },
    });
  });

  it('takes the noise from the subjects it knows once it was asked', async () => {
    const known = promptRows.filter(([id]) => knownPrompts.includes(id)).map(([, , , subject]) => String(subject));
    expect(await demo.tracer.noiseOver([])).toBeCloseTo(await subjectNoise(demo.model, demo.tokenizer, known), 10);
  });

  it('draws facts and records that it knows, the same for the same seed', async () => {
    const { knowledge } = demo;
    const drawn = await knowledge.drawFacts(5, 1);
    expect(await knowledge.drawFacts(5, 1)).toEqual(drawn);
    expect(await knowledge.drawFacts(5, 2)).not.toEqual(drawn);
    const known = new Map(facts.map(({ subject, object }) => [subject, object]));
    for (const { subject, object, relation } of drawn) {
      expect(object).toBe(known.get(subject));
      expect(relation).toBe('a relation');
    }
    const { records, origin } = await knowledge.drawRecords(6, 3);
    expect(origin).toBe('shipped');
    expect((await knowledge.drawRecords(6, 3)).records).toEqual(records);
    expect(new Set(records.map(({ requested_rewrite: { subject } }) => subject)).size).toBe(6);
    for (const { case_id: id } of records) expect(knownRecords).toContain(id);
    await expect(knowledge.drawFacts(1000, 1)).rejects.toThrow(`knows ${knownPrompts.length} facts; 1000 were asked`);
    await expect(knowledge.drawRecords(1000, 1)).rejects.toThrow(/1000 records were asked for; there are \d+/);
  });

  it('has for damage the facts that it answers, each once', async () => {
    const known = await demo.knowledge.known();
    expect(new Set(known.map(({ prompt, subject }) => `${prompt}\n${subject}`)).size).toBe(known.length);
    const subjects = new Set(facts.filter((_, i) => i % 2 === 0 || i % 3 !== 0).map(({ subject }) => subject));
    expect(new Set(known.map(({ subject }) => subject))).toEqual(subjects);
  });
});

describe('what was asked', () => {
  it('is kept with the model, and not asked again', async () => {
    const again = await openDemo(dataOf(promptRows, recordRows), store);
    try {
      const before = store.saves;
      const told: string[] = [];
      await again.knowledge.find(Infinity, {}, (asking) => told.push(asking));
      expect(told).toEqual([]);
      expect(store.saves).toBe(before);
      expect((await again.knowledge.counts())?.prompts.known).toBe(knownPrompts.length);
    } finally {
      await again.dispose();
    }
  });

  it('is kept when it is cancelled, and the rest asked later', async () => {
    const kept = new MemoryStore();
    // As many as two batches, each subject anew.
    const many = Array.from({ length: 2 }, (_, copy) =>
      promptRows.map(([id, ...rest]): Row => [Number(id) + copy, ...rest]),
    ).flat();
    const session = await openDemo(dataOf(many, []), kept);
    try {
      const controller = new AbortController();
      const cancelAfterFirst = (_: string, done: number): void => {
        if (done > 0) controller.abort();
      };
      await expect(session.knowledge.find(0, { signal: controller.signal }, cancelAfterFirst)).rejects.toMatchObject({
        code: 'cancelled',
      });
      const { asked } = (await session.knowledge.counts())!.prompts;
      expect(asked).toBeGreaterThan(0);
      expect(asked).toBeLessThan(many.length);
      const { known, unknown } = kept.kept.get(session.hash)!.prompts;
      expect(known.length + unknown.length).toBe(asked);
      const begun: number[] = [];
      await session.knowledge.find(0, {}, (_, done) => begun.push(done));
      expect(begun[0]).toBe(asked);
      expect((await session.knowledge.counts())!.prompts).toEqual({
        asked: many.length,
        known: 2 * knownPrompts.length,
        of: many.length,
      });
    } finally {
      await session.dispose();
    }
  });

  it('is asked anew where what is kept is of no form that is known', async () => {
    const session = await openDemo(dataOf(promptRows.slice(0, 4), []), {
      loadAnswers: () => Promise.resolve({ version: 9, prompts: 'all' }),
      saveAnswers: () => Promise.resolve(),
    });
    try {
      await session.knowledge.find(0);
      expect((await session.knowledge.counts())?.prompts).toEqual({ asked: 4, known: 2, of: 4 });
    } finally {
      await session.dispose();
    }
  });
});

describe('a model with files of its own', () => {
  it('goes by them', async () => {
    const session = await openSession(folderSource(DEMO_MODEL), await startWasm(1), {
      data: dataOf(promptRows, recordRows),
    });
    try {
      const { knowledge } = session;
      expect(knowledge.origin).toBe('model');
      expect(session.facts?.relations.length).toBeGreaterThan(20);
      expect((await knowledge.known()).length).toBeGreaterThan(10_000);
      const { records, origin } = await knowledge.drawRecords(2, 0);
      expect(origin).toBe('model');
      expect(records[0].paraphrase_prompts).toHaveLength(2);
      expect(await knowledge.sentences()).toHaveLength(100);
      expect(session.statisticsText?.origin).toBe('model');
    } finally {
      await session.dispose();
    }
  });
});

describe('where nothing ships', () => {
  it('there are no relations, no facts and no text', async () => {
    const session = await openDemo(null);
    try {
      const { knowledge } = session;
      expect([knowledge.origin, session.facts, session.statisticsText, await knowledge.counts()]).toEqual([
        'none',
        null,
        null,
        null,
      ]);
      expect([await knowledge.known(), await knowledge.sentences(), await knowledge.subjects()]).toEqual([[], [], []]);
      await expect(knowledge.find(1)).rejects.toThrow(/came without a list of facts/);
      await expect(knowledge.drawRecords(1, 0)).rejects.toThrow(/came without records/);
    } finally {
      await session.dispose();
    }
  });
});

describe('a tiny model', () => {
  it('prefers the objects that PyTorch found it to prefer, and is not asked what it cannot read', async () => {
    const { records, preferred } = golden<{ records: Row[]; preferred: number[] }>('tiny-known-facts');
    const long: Row = [1, 'P1', '{} is', 'of the land '.repeat(40).trim(), 'a', 'C', null, 'x', 'y'];
    const session = await openSession(folderSource(TINY_MODEL), await startWasm(1), {
      data: dataOf([], [...records.slice(1), long]),
    });
    try {
      await session.knowledge.find(Infinity);
      expect((await session.knowledge.found()).records.map(({ id }) => id)).toEqual(preferred);
    } finally {
      await session.dispose();
    }
  });
});
