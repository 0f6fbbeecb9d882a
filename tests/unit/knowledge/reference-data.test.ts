/** The data that ship: beside what the demo model's recipe has of the same datasets, and what is refused of damaged files. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { folderSource } from '../../../src/cli/folder-source.ts';
import { referenceData } from '../../../src/cli/reference-data.ts';
import { recordOf } from '../../../src/engine/knowledge/records.ts';
import {
  ReferenceData,
  type FactPrompt,
  type FactRecord,
  type ReferenceFacts,
} from '../../../src/engine/knowledge/reference-data.ts';
import { PLACEHOLDER, placeholderCount } from '../../../src/engine/tokens/template.ts';
import { withFile } from '../support.ts';
import { readCounterfact } from '../tokens/counterfact.ts';

const DATA = 'public/data';

let facts: ReferenceFacts;
let prompts: readonly FactPrompt[];
let records: readonly FactRecord[];

beforeAll(async () => {
  const data = referenceData();
  facts = await data.facts();
  prompts = await data.prompts();
  records = await data.records();
});

describe('the relations', () => {
  it('have wordings with one place for the subject, the canonical one first and each once', () => {
    expect(facts.list.relations).toHaveLength(40);
    for (const { id, label, templates } of facts.list.relations) {
      expect(templates.map(placeholderCount), id).toEqual(templates.map(() => 1));
      expect(new Set(templates).size, id).toBe(templates.length);
      // What follows the object would be asked for in its place.
      for (const template of templates) expect(template, id).not.toMatch(/[.\]]$|\[/);
      expect(facts.list.relation(label)?.id).toBe(id);
    }
    expect(facts.list.relation('P36')?.templates.slice(0, 2)).toEqual([
      'The capital of {} is',
      'The capital city of {} is',
    ]);
  });

  it('have the facts of ParaRel that the demo model’s recipe has', () => {
    const rows = readFileSync('tools/demo-model/data/facts.csv', 'utf8').trimEnd().split('\n').slice(1);
    // A subject has several objects in some relations, of which CounterFact may ask for more than one.
    const asked = new Set(records.map(({ subject, targetTrue }) => `${subject}\n${targetTrue}`));
    let [compared, equal] = [0, 0];
    for (const row of rows) {
      const [relation, subject, object, ...more] = row.split(',');
      // Quoted fields and LRE's relations are left aside.
      const own = row.includes('"') || more.length > 0 ? undefined : facts.list.find(subject, relation)?.object;
      if (own === undefined) continue;
      compared += 1;
      if (own === object) equal += 1;
      else expect(asked.has(`${subject}\n${own}`), row).toBe(true);
    }
    expect(compared).toBeGreaterThan(15_000);
    expect(equal / compared).toBeGreaterThan(0.99);
  });

  it('are facts that nobody has asked', () => {
    expect(facts.list.known()).toEqual([]);
    expect(facts.list.neighbours('P36', 'London', 'England', 3)).not.toHaveLength(0);
  });
});

describe('the records', () => {
  it('are CounterFact’s, as the demo model’s recipe has them', () => {
    const rows = new Map(readCounterfact().map((row) => [row.caseId, row]));
    expect(records).toHaveLength(facts.records);
    expect(records).toHaveLength(rows.size);
    for (const { id, prompt, subject, targetTrue, targetNew } of records) {
      expect(rows.get(id)).toEqual({ caseId: id, template: prompt, subject, targetTrue, targetNew });
    }
  });

  it('have a relation whose wordings hold their prompts, nearly all of them', () => {
    const worded = records.filter(({ relationId, prompt }) =>
      facts.list.relation(relationId ?? '')?.templates.includes(prompt),
    );
    expect(worded.length / records.length).toBeGreaterThan(0.9);
    for (const { relationId } of records) expect(facts.list.relation(relationId ?? '')).toBeDefined();
  });

  it('have a paraphrase or a beginning to be continued, which hold the subject', () => {
    for (const { paraphrase, generation, subject } of records) {
      expect([paraphrase, generation].filter((text) => text === null)).toHaveLength(1);
      expect(paraphrase ?? generation).toContain(subject);
    }
  });

  it('get paraphrases and neighbours of their relation', () => {
    const wellington = records.find(({ subject }) => subject === 'Wellington')!;
    expect(wellington).toMatchObject({ relationId: 'P190', targetTrue: 'Sydney', paraphrase: null });
    const { paraphrase_prompts: paraphrases, ...record } = recordOf(wellington, facts.list);
    expect(record.requested_rewrite).toMatchObject({ relation_id: 'P190', target_true: { str: 'Sydney' } });
    expect(paraphrases).toEqual(['The twin city of Wellington is', 'Wellington is a twin city of']);
    expect(record.generation_prompts).toEqual(['Wellington\u0027s twin city has famous tourist attractions including']);
    // The record's own first, then other subjects with Sydney for a twin, in the edit's wording.
    const [own, ...others] = record.neighborhood_prompts as string[];
    expect(own).toBe(wellington.neighbour);
    for (const other of others) {
      const subject = /^What is the twin city of (.*)\? It is$/.exec(other)![1];
      expect(facts.list.find(subject, 'P190')?.object).toBe('Sydney');
      expect(subject).not.toBe('Wellington');
    }
  });
});

describe('the prompts of known_1000', () => {
  it('have one place for the subject and a relation of the list', () => {
    expect(prompts).toHaveLength(facts.prompts);
    for (const { prompt, relationId } of prompts) {
      expect(placeholderCount(prompt)).toBe(1);
      expect(facts.list.relation(relationId)).toBeDefined();
    }
    expect(prompts.find(({ subject }) => subject === 'Vinson Massif')).toEqual({
      id: 0,
      relationId: 'P30',
      prompt: `${PLACEHOLDER} is located in the continent of`,
      subject: 'Vinson Massif',
      object: 'Antarctica',
    });
  });
});

it('the texts are Wikipedia’s, one document or sentence a line', async () => {
  const data = referenceData();
  const paragraphs = readFileSync('tools/demo-model/data/wikipedia-paragraphs.txt', 'utf8');
  expect(await data.statisticsText()).toBe(paragraphs);
  const sentences = new Set(readFileSync('tools/demo-model/data/wikipedia-sentences.txt', 'utf8').split('\n'));
  const heldOut = (await data.heldOutText()).trimEnd().split('\n');
  expect(heldOut).toHaveLength(100);
  for (const sentence of heldOut) expect(sentences.has(sentence)).toBe(true);
});

it('licences lie beside them', () => {
  const readme = readFileSync(`${DATA}/README.md`, 'utf8');
  for (const file of ['facts.json', 'counterfact.jsonl', 'known-facts.jsonl', 'statistics.txt', 'held-out.txt']) {
    expect(readme).toContain(`\`${file}\``);
  }
  expect(readFileSync(`${DATA}/LICENSE-MIT.txt`, 'utf8')).toMatch(/Yanai Elazar[^]*Kevin Meng[^]*Permission is hereby/);
  expect(readFileSync(`${DATA}/LICENSE-CC-BY-SA-4.0.txt`, 'utf8')).toMatch(/creativecommons.org\/licenses\/by-sa\/4.0/);
});

describe('a damaged file', () => {
  const source = folderSource(DATA);
  const read = (file: string, text: string | null): ReferenceData => new ReferenceData(withFile(source, file, text));

  it('is named', async () => {
    await expect(read('facts.json', '{"relations": []}').facts()).rejects.toThrow(/“facts.json”.*damaged/);
    await expect(read('facts.json', '{').facts()).rejects.toThrow(/“facts.json”.*damaged/);
    const head = '["known_id","relation_id","prompt","subject","object"]';
    await expect(read('known-facts.jsonl', `${head}\n[1,"P1","{} is"]\n`).prompts()).rejects.toThrow(/damaged/);
    await expect(read('known-facts.jsonl', '["id"]\n').prompts()).rejects.toThrow(/damaged/);
    await expect(read('counterfact.jsonl', null).records()).rejects.toThrow(/no file “counterfact.jsonl”/);
  });

  it('is read anew once it is there', async () => {
    let text: string | null = null;
    const data = new ReferenceData({ ...source, open: (path) => withFile(source, path, text).open(path) });
    await expect(data.heldOutText()).rejects.toThrow(/no file/);
    text = 'A sentence.\n';
    expect(await data.heldOutText()).toBe(text);
  });
});
