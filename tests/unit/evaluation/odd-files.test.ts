/** Tables and lists as people have them: what can be read is read, and what is dropped, repaired or guessed is told by its record. */
import fc from 'fast-check';
import Papa from 'papaparse';
import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/engine/errors.ts';
import { importRecords, type ImportedRecords } from '../../../src/engine/evaluation/import.ts';
import { literalOf } from '../../../src/engine/evaluation/literals.ts';
import { withLiteralQuotes } from '../../../src/engine/evaluation/quotes.ts';

const HEADER = 'case_id,subject,prompt,target_new,target_true';
const FRANCE = '1,France,The capital of {} is,Rome,Paris';
const SPAIN = '3,Spain,The capital of {} is,Berlin,Madrid';

function subjects({ records }: ImportedRecords): string[] {
  return records.map(({ requested_rewrite: { subject } }) => subject);
}

function only(entry: unknown): ImportedRecords {
  return importRecords(JSON.stringify([entry]));
}

describe('tables', () => {
  it.each([
    ['that quotes a part of a field', '"Loud Al" Smith', '"Loud Al" Smith'],
    ['that is never closed', '"Loud Al', '"Loud Al'],
    ['before one that is', '"a" b"', '"a" b"'],
  ])('take a quotation mark %s as part of it', (_, field, subject) => {
    const read = importRecords([HEADER, FRANCE, `2,${field},{} plays the,violin,accordion`, SPAIN].join('\n'));
    expect(subjects(read)).toEqual(['France', subject, 'Spain']);
    expect(read.faults).toEqual([]);
    expect(read.notes).toEqual([
      { record: 2, reason: 'a quotation mark at the start of a field is taken as part of it' },
    ]);
  });

  it('read fields that are quoted over lines, with delimiters and marks in them', () => {
    const read = importRecords(
      [HEADER, '1,"A ""b"", c",The capital of {} is,"Rome\nand more",Paris', SPAIN].join('\r\n'),
    );
    expect(subjects(read)).toEqual(['A "b", c', 'Spain']);
    expect(read.records[0].requested_rewrite.target_new.str).toBe('Rome\nand more');
    expect(read.notes).toEqual([]);
  });

  it('refuse a row that has more fields than there are columns', () => {
    const read = importRecords([HEADER, '1,France,In {}, the capital is,Rome,Paris', SPAIN].join('\n'));
    expect(subjects(read)).toEqual(['Spain']);
    expect(read.faults).toEqual([
      { record: 1, reason: expect.stringMatching(/^it has 6 fields .* 5 columns/) as string },
    ]);
  });

  it('take delimiters at the end of a row, and tell of fields that are missing', () => {
    const read = importRecords([HEADER, `${FRANCE},,`, '3,Spain,The capital of {} is,Berlin'].join('\n'));
    expect(subjects(read)).toEqual(['France', 'Spain']);
    expect(read.notes).toEqual([{ record: 2, reason: 'it has 1 field fewer than the table has columns' }]);
  });

  it('read the line in which Excel names the delimiter', () => {
    for (const [line, delimiter] of [
      ['sep=;', ';'],
      ['"sep=|"', '|'],
    ]) {
      const rows = [HEADER, FRANCE].map((row) => row.replaceAll(',', delimiter));
      expect(subjects(importRecords([line, ...rows].join('\r\n')))).toEqual(['France']);
    }
  });

  it('read cells that hold lists and dictionaries, as Python and as JSON write them', () => {
    const header = `${HEADER},paraphrase_prompts,neighborhood_prompts`;
    const objects = `"{'str': 'Rome', 'id': None}","{""str"": ""Paris""}"`;
    const row = `1,France,The capital of {} is,${objects},"['The capital city of France is', ""France's capital is""]",['The capital of Normandy is']`;
    const { records, notes } = importRecords([header, row].join('\n'));
    expect(records[0]).toEqual({
      case_id: '1',
      requested_rewrite: {
        prompt: 'The capital of {} is',
        subject: 'France',
        target_new: { str: 'Rome' },
        target_true: { str: 'Paris' },
      },
      paraphrase_prompts: ['The capital city of France is', "France's capital is"],
      neighborhood_prompts: ['The capital of Normandy is'],
    });
    expect(notes).toEqual([]);
  });

  it('take a table of CounterFact’s own columns', () => {
    const rewrite = `{'prompt': 'The capital of {} is', 'subject': 'France', 'target_new': {'str': 'Rome'}, 'relation_id': 'P36'}`;
    const { records } = importRecords(`case_id,requested_rewrite,paraphrase_prompts\n5,"${rewrite}",[]`);
    expect(records[0].requested_rewrite).toMatchObject({ subject: 'France', relation_id: 'P36' });
  });

  it('keep columns of the same name apart', () => {
    const { records } = importRecords('subject,prompt,target_new,subject\nFrance,The capital of {} is,Rome,Spain');
    expect(records[0].requested_rewrite.subject).toBe('France');
  });

  it('know neighbours by every name', () => {
    for (const name of ['neighbour', 'neighbor', 'Neighbours', 'neighborhood prompts']) {
      const { records } = importRecords(`${HEADER},${name}\n${FRANCE},The capital of Normandy is`);
      expect(records[0].neighborhood_prompts).toEqual(['The capital of Normandy is']);
    }
  });

  it('have the fields that a parser finds where all is well', () => {
    const field = fc.string({ unit: fc.constantFrom('a', 'é', '"', ',', ';', '\n', ' ', "'") });
    fc.assert(
      fc.property(fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { minLength: 1 }), (rows) => {
        const table = Papa.unparse(rows, { newline: '\n' });
        expect(withLiteralQuotes(table, ',')).toEqual({ text: table, repaired: new Set() });
      }),
    );
  });

  it('never lose a line to a quotation mark', () => {
    const field = fc.string({ unit: fc.constantFrom('a', 'b', '"', ' '), minLength: 1 });
    fc.assert(
      fc.property(fc.array(fc.tuple(field, field), { minLength: 1 }), (rows) => {
        // One before the end of a field may close another that opened a line earlier.
        fc.pre(rows.every((fields) => fields.every((each) => !each.endsWith('"'))));
        const table = rows.map((fields) => fields.join(',')).join('\n');
        const { data } = Papa.parse<string[]>(withLiteralQuotes(table, ',').text, { delimiter: ',' });
        expect(data).toHaveLength(rows.length);
      }),
    );
  });
});

describe('literalOf', () => {
  it.each([
    [`['a', "b's", 'c\\'d', "e\\n"]`, ['a', "b's", "c'd", 'e\n']],
    [
      `{'a': 1, 'b': -2.5e3, 'c': None, 'd': True, 'e': ('x',), 'f': []}`,
      { a: 1, b: -2500, c: null, d: true, e: ['x'], f: [] },
    ],
    ['["a", null]', ['a', null]],
    [`[nan, '\\u00e9', '\\xe9', '東京']`, [null, 'é', 'é', '東京']],
    ['[]', []],
    ['{}', '{}'],
    ['[sic]', '[sic]'],
    [`['a' 'b']`, `['a' 'b']`],
    [`{'a'}`, `{'a'}`],
    [`__import__('os')`, `__import__('os')`],
    ['{} is in', '{} is in'],
  ])('%s', (cell, value) => {
    expect(literalOf(cell)).toEqual(value);
  });

  it('is text or a value, whatever the cell', () => {
    const cell = fc.string({
      unit: fc.constantFrom('[', ']', '{', '}', "'", '"', ',', ':', '\\', 'a', '1', 'None', ' '),
    });
    fc.assert(
      fc.property(cell, (text) => {
        const value = literalOf(text);
        expect(typeof value === 'object' || value === text).toBe(true);
      }),
    );
  });
});

describe('lists', () => {
  const plain = { subject: 'France', prompt: 'The capital of {} is', target_new: 'Rome' };

  it('say nothing in every way alike', () => {
    const expected = only(plain);
    for (const nothing of [null, '', ' ', [], [[]], ['']]) {
      expect(only({ ...plain, ground_truth: nothing, rephrase_prompt: nothing, locality_prompt: nothing })).toEqual(
        expected,
      );
    }
    const withNaN = JSON.stringify([{ ...plain, ground_truth: 0, note: 'a NaN, "Infinity"' }]).replace(':0', ':NaN');
    expect(importRecords(withNaN)).toEqual(expected);
    expect(importRecords(`subject,prompt,target_new,ground_truth\nFrance,${plain.prompt},Rome,`)).toEqual(expected);
  });

  it('are taken though fields that are not used hold something else', () => {
    for (const relation of [0, 7, true, ['P36'], { id: 1 }]) {
      const rewrite = { ...plain, target_new: { str: 'Rome' }, relation_id: relation };
      const { records, faults } = only({ case_id: 1, requested_rewrite: rewrite, paraphrase_prompts: null });
      expect(faults).toEqual([]);
      expect(records[0].requested_rewrite.relation_id).toBe(
        typeof relation === 'number' ? String(relation) : undefined,
      );
    }
  });

  it('of rewrites are a record each', () => {
    const rewrite = (subject: string): object => ({ prompt: '{} works for', subject, target_new: { str: 'IBM' } });
    const { records } = only({ case_id: 4, requested_rewrite: [rewrite('Jo'), rewrite('Al')], questions: ['Where?'] });
    expect(records.map(({ case_id: id }) => id)).toEqual([4, '4, rewrite 2']);
    expect(records.map(({ requested_rewrite: { subject } }) => subject)).toEqual(['Jo', 'Al']);
  });

  it('tell of neighbours beyond their answers', () => {
    const prompts = ['The capital of Spain is', 'The capital of Italy is', 'The capital of Japan is'];
    const { records, notes } = only({
      ...plain,
      locality: { neighborhood: { prompt: prompts, ground_truth: ['Madrid'] } },
    });
    expect(records[0].neighborhood_prompts).toEqual([{ prompt: prompts[0], target: 'Madrid' }]);
    expect(notes).toEqual([{ record: 1, reason: '2 neighbours are left out: without an answer' }]);
    const listed = only({ ...plain, neighborhood_prompts: prompts, locality_ground_truth: ['Madrid', 'Rome'] });
    expect(listed.records[0].neighborhood_prompts).toHaveLength(2);
    expect(listed.notes).toEqual([{ record: 1, reason: '1 neighbour is left out: without an answer' }]);
  });

  it('tell of empty prompts, of objects that end in a space and of all but the first of several', () => {
    const rewrite = { ...plain, target_new: { str: 'Rome ' }, target_true: { str: 'Paris' } };
    const { records, notes } = only({
      requested_rewrite: rewrite,
      paraphrase_prompts: ['', 'The capital city of France is'],
      neighborhood_prompts: [' '],
      generation_prompts: ['', 'France is known for'],
    });
    expect(records[0]).toMatchObject({
      requested_rewrite: { target_new: { str: 'Rome' } },
      paraphrase_prompts: ['The capital city of France is'],
      neighborhood_prompts: [],
      generation_prompts: ['France is known for'],
    });
    expect(notes.map(({ reason }) => reason)).toEqual([
      'the object “Rome ” is taken without the space at its end',
      '1 paraphrase is left out: empty',
      '1 neighbour is left out: empty',
      '1 generation prompt is left out: empty',
    ]);
    const several = only({ ...plain, target_new: ['Rome', 'Milan', ''] });
    expect(several.notes).toEqual([{ record: 1, reason: 'of its 2 new objects the first is taken, “Rome”' }]);
  });

  it('match accents that are composed with those that are not', () => {
    for (const form of ['NFC', 'NFD']) {
      const other = form === 'NFC' ? 'NFD' : 'NFC';
      const entry = { ...plain, subject: 'René Doe'.normalize(form), prompt: 'René Doe plays the'.normalize(other) };
      const { records, notes } = only(entry);
      expect(records[0].requested_rewrite.prompt).toBe('{} plays the');
      expect(notes).toHaveLength(1);
    }
  });

  it('are read, or refused with a reason, whatever they hold', () => {
    const key = fc.constantFrom(
      'subject',
      'prompt',
      'target_new',
      'target_true',
      'locality',
      'rephrase',
      'neighbors',
      'requested_rewrite',
      'src',
      'answers',
      'loc',
      'loc_ans',
      'case_id',
      'paraphrase_prompts',
      'str',
      'relation_id',
      'ground_truth',
      '__proto__',
    );
    const leaf = fc.oneof(fc.constantFrom('France', 'The capital of {} is', '', '{}', null, NaN, 0, true), fc.string());
    const { entry } = fc.letrec((tie) => ({
      entry: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.array(tie('entry'), { maxLength: 3 }),
        fc.dictionary(key, tie('entry')),
      ),
    }));
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 3 }), (entries) => {
        try {
          const { records } = importRecords(JSON.stringify(entries));
          expect(records.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(EngineError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('are read, or refused with a reason, whatever text they are', () => {
    const part = fc.constantFrom(
      '{',
      '[',
      '"',
      ',',
      ';',
      '\n',
      '\r',
      '\t',
      'sep=',
      'subject',
      'prompt',
      'target_new',
      'NaN',
      '\uFEFF',
      'é',
      ':',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
        try {
          expect(importRecords(parts.join('')).records.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(EngineError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
