/** Every form of records that people have, and what is told about those that cannot be used. */
import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/engine/errors.ts';
import { importRecords, tableColumns } from '../../../src/engine/evaluation/import.ts';
import { FactList } from '../../../src/engine/tokens/fact-list.ts';

const full = {
  case_id: 7,
  pararel_idx: 1,
  requested_rewrite: {
    prompt: 'The mother tongue of {} is',
    relation_id: 'P103',
    subject: 'Danielle Darrieux',
    target_new: { str: 'English', id: 'Q1860' },
    target_true: { str: 'French', id: 'Q150' },
  },
  paraphrase_prompts: ['Danielle Darrieux, a native'],
  neighborhood_prompts: ['Montesquieu, speaker of'],
};
const flat = {
  case_id: 2,
  subject: 'Toko Yasuda',
  prompt: 'Toko Yasuda, the',
  target_new: 'piano',
  ground_truth: 'guitar',
  rephrase_prompt: 'Toko Yasuda is incredible at',
  locality_prompt: 'John Lennon performs on the',
  locality_ground_truth: 'guitar',
};
const flatRecord = {
  case_id: 2,
  requested_rewrite: {
    prompt: '{}, the',
    subject: 'Toko Yasuda',
    target_new: { str: 'piano' },
    target_true: { str: 'guitar' },
  },
  paraphrase_prompts: ['Toko Yasuda is incredible at'],
  neighborhood_prompts: ['John Lennon performs on the'],
};

describe('importRecords', () => {
  it('takes CounterFact’s own records as they are, further fields too', () => {
    expect(importRecords(JSON.stringify([full]))).toEqual({ records: [full], faults: [], notes: [] });
    expect(importRecords(JSON.stringify(full)).records).toEqual([full]);
  });

  it('numbers records of multi_counterfact that have nothing but the rewrite', () => {
    const { records } = importRecords(JSON.stringify([full, { requested_rewrite: full.requested_rewrite }]));
    expect(records[1]).toEqual({
      case_id: 1,
      requested_rewrite: full.requested_rewrite,
      paraphrase_prompts: [],
      neighborhood_prompts: [],
    });
  });

  it('takes the flattened form, a record a line or as a list', () => {
    for (const content of [`${JSON.stringify(flat)}\n\n${JSON.stringify(flat)}\n`, JSON.stringify([flat, flat])]) {
      expect(importRecords(content).records).toEqual([flatRecord, flatRecord]);
    }
  });

  it('takes EasyEdit’s requests, whose answers may be lists', () => {
    const request = {
      prompt: 'Who leads Apple? It is',
      subject: 'Apple',
      target_new: 'Ann',
      ground_truth: ['Tim Cook', 'Cook'],
    };
    const [record] = importRecords(JSON.stringify([request])).records;
    expect(record.requested_rewrite).toEqual({
      prompt: 'Who leads {}? It is',
      subject: 'Apple',
      target_new: { str: 'Ann' },
      target_true: { str: 'Tim Cook' },
    });
  });

  it('takes the neighbours under EasyEdit’s locality, of every kind', () => {
    const request = {
      prompt: 'Who leads Apple? It is',
      subject: 'Apple',
      target_new: 'Ann',
      rephrase_prompt: 'The leader of Apple is',
      locality: {
        neighborhood: { prompt: ['Dell is led by', 'IBM is led by'], ground_truth: ['Bob', ['Cid', 'C.']] },
        distracting: [{ prompt: 'Rome is in', ground_truth: 'Italy' }],
      },
    };
    const { records, faults, notes } = importRecords(JSON.stringify([request, { ...request, locality: 'nowhere' }]));
    expect(records[0].neighborhood_prompts).toEqual([
      { prompt: 'Dell is led by', target: 'Bob' },
      { prompt: 'IBM is led by', target: 'Cid' },
      { prompt: 'Rome is in', target: 'Italy' },
    ]);
    expect(notes).toEqual([]);
    expect(faults).toEqual([{ record: 2, reason: expect.stringContaining('locality') as string }]);
  });

  it.each([
    ['CSV', 'Subject,Prompt,Object,True object\r\n"Paris, Texas",{} lies in,"Oslo",Texas\r\n'],
    ['TSV', 'subject\tprompt\ttarget_new\ttarget_true\nParis, Texas\t{} lies in\tOslo\tTexas\n'],
    [
      'CSV with a byte order mark and blank lines',
      '\uFEFFprompt;subject;new;old\n\n{} lies in;Paris, Texas;Oslo;Texas\n\n',
    ],
  ])('takes a table: %s', (_, content) => {
    const [record] = importRecords(content).records;
    expect(record.requested_rewrite).toEqual({
      prompt: '{} lies in',
      subject: 'Paris, Texas',
      target_new: { str: 'Oslo' },
      target_true: { str: 'Texas' },
    });
  });

  it('keeps the good records and tells what is wrong with the others, by number', () => {
    const broken = [
      flat,
      { ...flat, target_new: '' },
      { ...flat, prompt: 'He is' },
      { ...full, requested_rewrite: { ...full.requested_rewrite, prompt: 'no place' } },
      { src: 'Who?', subject: 'Ann', answers: ['x'] },
      'text',
      { ...full, requested_rewrite: { ...full.requested_rewrite, target_new: {} } },
    ];
    const { records, faults } = importRecords(JSON.stringify(broken));
    expect(records).toEqual([flatRecord]);
    expect(faults.map(({ record }) => record)).toEqual([2, 3, 4, 5, 6, 7]);
    expect(faults[0].reason).toBe('the new object is missing or not text');
    expect(faults[1].reason).toContain('“Toko Yasuda” does not stand in the prompt');
    expect(faults[2].reason).toContain('no {}');
    expect(faults[3].reason).toContain('“Ann” does not stand in the question');
    expect(faults[5].reason).toContain('requested_rewrite.target_new.str');
  });

  it('tells of a line that is no JSON', () => {
    const { records, faults } = importRecords(`${JSON.stringify(flat)}\n{"subject": \n`);
    expect(records).toHaveLength(1);
    expect(faults).toEqual([{ record: 2, reason: expect.stringContaining('this line is no JSON') as string }]);
  });

  it('asks neighbours for answers of their own, and leaves out those that have none', () => {
    const ask = (more: object): ReturnType<typeof importRecords> =>
      importRecords(JSON.stringify([{ ...flat, ...more }]));
    const own = ask({ locality_prompt: ['a', 'b'], locality_ground_truth: ['drums', 'guitar'] });
    expect(own.records[0].neighborhood_prompts).toEqual([{ prompt: 'a', target: 'drums' }, 'b']);
    const none = ask({ ground_truth: undefined, locality_ground_truth: undefined });
    expect(none.records[0].requested_rewrite.target_true).toBeUndefined();
    expect(none.records[0].neighborhood_prompts).toEqual([]);
    expect(none.notes).toEqual([{ record: 1, reason: expect.stringContaining('no true object') as string }]);
  });

  it('takes zsRE: the first answer is the new object, and the question of locality gets its “?”', () => {
    const zsre = {
      subject: 'Ann Lee',
      src: 'Where was Ann Lee born?',
      rephrase: 'In which place was Ann Lee born?',
      answers: ['Oslo', 'Kristiania'],
      alt: 'Rome',
      loc: 'nq question: who plays the drums in the band',
      loc_ans: 'Bob Ray',
    };
    const { records, notes } = importRecords(JSON.stringify([zsre, { ...zsre, loc: undefined }]));
    expect(records[0]).toEqual({
      case_id: 0,
      requested_rewrite: { prompt: 'Where was {} born?', subject: 'Ann Lee', target_new: { str: 'Oslo' } },
      paraphrase_prompts: ['In which place was Ann Lee born?'],
      neighborhood_prompts: [{ prompt: 'nq question: who plays the drums in the band?', target: 'Bob Ray' }],
    });
    expect(records[1].neighborhood_prompts).toEqual([]);
    expect(notes.map(({ record }) => record)).toEqual([2]);
  });

  it('takes relations of the model, by id or label, for prompts', () => {
    const facts = new FactList([{ id: 'P36', label: 'capital', templates: ['The capital of {} is'], facts: [] }]);
    const content =
      'subject,relation,object\nFrance,Capital,Rome\nSpain,P36,Oslo\nItaly,{} has the capital,Bern\nPeru,king,x';
    const { records, faults } = importRecords(content, { facts });
    expect(records.map(({ requested_rewrite: { prompt } }) => prompt)).toEqual([
      'The capital of {} is',
      'The capital of {} is',
      '{} has the capital',
    ]);
    expect(records[0].requested_rewrite.relation_id).toBe('P36');
    expect(faults).toEqual([{ record: 4, reason: expect.stringContaining('“king” is none of the model’s') as string }]);
  });

  it('reads columns by a mapping where their names say nothing', () => {
    const content = 'who;says;becomes;was\nFrance;The capital of France is;Rome;Paris\n';
    expect(() => importRecords(content)).toThrow('the subject is missing');
    expect(tableColumns(content)).toEqual({
      columns: ['who', 'says', 'becomes', 'was'],
      values: { who: 'France', says: 'The capital of France is', becomes: 'Rome', was: 'Paris' },
      mapping: {},
    });
    const mapping = { subject: 'who', prompt: 'says', targetNew: 'becomes', targetTrue: 'was' };
    expect(importRecords(content, { mapping }).records[0].requested_rewrite).toEqual({
      prompt: 'The capital of {} is',
      subject: 'France',
      target_new: { str: 'Rome' },
      target_true: { str: 'Paris' },
    });
  });

  it('knows columns by name, and forms that have none', () => {
    expect(tableColumns(JSON.stringify([flat]))?.mapping).toMatchObject({
      subject: 'subject',
      paraphrases: 'rephrase_prompt',
      neighbourTruth: 'locality_ground_truth',
    });
    expect(tableColumns(JSON.stringify([full]))).toBeNull();
    expect(() => tableColumns('hello')).toThrow(EngineError);
  });

  it.each([
    ['', 'there is nothing in it'],
    ['[]', 'there is nothing in it'],
    ['[1, 2', 'no JSON'],
    ['hello', 'neither JSON nor a table'],
    ['name,age\nAnn,3', 'record 1: the subject is missing'],
  ])('refuses %j', (content, reason) => {
    expect(() => importRecords(content)).toThrow(EngineError);
    expect(() => importRecords(content)).toThrow(reason);
  });
});
