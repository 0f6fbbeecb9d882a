import { describe, expect, it } from 'vitest';
import { RequestError } from '../../../src/engine/errors.ts';
import {
  fillPrompt,
  parseRequests,
  targetText,
  validateRequest,
  type EditRequest,
} from '../../../src/engine/tokens/request.ts';
import { requestNotes } from '../../../src/engine/tokens/request-notes.ts';
import { demoTokenizer } from './demo.ts';

const good: EditRequest = { prompt: '{} plays the', subject: 'Toko Yasuda', targetNew: 'violin' };

function refusal(act: () => unknown): RequestError {
  try {
    act();
  } catch (error) {
    if (error instanceof RequestError) return error;
    throw error;
  }
  throw new Error('It was not refused.');
}

describe('validateRequest', () => {
  it('accepts a good request up to the last token of the context', () => {
    const length =
      demoTokenizer.encode('Toko Yasuda plays the', { special: true }).length +
      demoTokenizer.encode(' violin', { special: false }).length;
    expect(() => validateRequest(good, demoTokenizer, 96)).not.toThrow();
    expect(() => validateRequest(good, demoTokenizer, length - 1)).not.toThrow();
    expect(refusal(() => validateRequest(good, demoTokenizer, length - 2))).toMatchObject({
      field: 'prompt',
      message: expect.stringContaining(`takes ${length - 1} tokens; the model reads ${length - 2}`) as string,
    });
  });

  it.each<[string, Partial<EditRequest>, RequestError['field'], RegExp]>([
    ['no {}', { prompt: 'Toko Yasuda plays the' }, 'prompt', /no \{\}: write it in place of “Toko Yasuda”/],
    ['two {}', { prompt: '{} and {} play the' }, 'prompt', /2 \{\}; exactly one/],
    ['an empty prompt', { prompt: '' }, 'subject', /not found in the prompt/],
    ['a subject that is not there', { prompt: 'She plays the' }, 'subject', /“Toko Yasuda” is not found in the prompt/],
    ['an empty subject', { subject: ' ' }, 'subject', /subject is empty/],
    ['an empty object', { targetNew: ' ' }, 'object', /object is empty/],
    ['a prompt that is too long', { prompt: `${'very '.repeat(200)}{} plays` }, 'prompt', /takes \d+ tokens/],
    ['an object that is too long', { targetNew: 'long '.repeat(200) }, 'prompt', /takes \d+ tokens/],
  ])('refuses %s', (_, change, field, message) => {
    const error = refusal(() => validateRequest({ ...good, ...change }, demoTokenizer, 96));
    expect(error.field).toBe(field);
    expect(error.message).toMatch(message);
  });
});

describe('parseRequests', () => {
  const record = {
    case_id: 7,
    prompt: '{} plays the',
    subject: 'Toko Yasuda',
    target_new: { str: 'violin', id: 'Q8355' },
    target_true: { str: ' guitar' },
    relation_id: 'P1303',
  };

  it('reads the form of the reference, with and without what is optional', () => {
    const { prompt, subject, target_new } = record;
    expect(parseRequests(JSON.stringify([record, { prompt, subject, target_new }]))).toEqual({
      requests: [{ ...good, caseId: 7, targetTrue: 'guitar', relationId: 'P1303' }, good],
      notes: [],
    });
  });

  it('takes a prompt without the space at its end, and says so', () => {
    const { requests, notes } = parseRequests(JSON.stringify([{ ...record, prompt: `${record.prompt} \n` }]));
    expect(requests).toMatchObject([{ prompt: record.prompt }]);
    expect(notes).toEqual([
      `Record 1 (case 7): the prompt “${record.prompt} \n” is taken without the space at its end.`,
    ]);
  });

  it('takes an object without the space at its end, and says so', () => {
    const { requests, notes } = parseRequests(JSON.stringify([record, { ...record, target_new: { str: ' violin ' } }]));
    expect(requests.map(({ targetNew }) => targetNew)).toEqual(['violin', ' violin']);
    expect(notes).toEqual(['Record 2 (case 7): the object “ violin ” is taken without the space at its end.']);
  });

  it('is not refused for a relation that is no text', () => {
    const relations = [0, null, true, {}].map((relation) => {
      const { requests } = parseRequests(JSON.stringify([{ ...record, relation_id: relation }]));
      return requests[0].relationId;
    });
    expect(relations).toEqual(['0', undefined, undefined, undefined]);
  });

  it.each<[string, unknown, RequestError['field'], RegExp]>([
    ['no list', record, 'request', /must be a JSON list/],
    ['an empty list', [], 'request', /empty/],
    ['no subject', [record, { ...record, subject: undefined }], 'subject', /^Record 2 \(case 7\): subject:/],
    ['a bare object', [{ ...record, target_new: 'violin' }], 'object', /^Record 1 \(case 7\): target_new:/],
    ['an object without text', [{ ...record, target_new: {} }], 'object', /target_new\.str:/],
    ['a prompt that is no text', [{ ...record, case_id: undefined, prompt: 3 }], 'prompt', /^Record 1: prompt:/],
    ['no record', [null], 'request', /^Record 1:/],
  ])('refuses %s', (_, records, field, message) => {
    const error = refusal(() => parseRequests(JSON.stringify(records)));
    expect(error.field).toBe(field);
    expect(error.message).toMatch(message);
  });

  it('refuses what is not JSON', () => {
    expect(refusal(() => parseRequests('[{')).message).toMatch(/not valid JSON/);
  });
});

describe('requestNotes', () => {
  it('finds requests that contradict or repeat earlier ones', () => {
    const other = { ...good, subject: 'John Lennon' };
    const requests = [
      good,
      other,
      { ...good, targetNew: 'flute' },
      { ...good, targetNew: ' violin' },
      { ...other, prompt: 'Who is {}?' },
    ];
    expect(requestNotes(requests)).toEqual([
      { request: 2, earlier: 0, kind: 'conflict' },
      { request: 3, earlier: 0, kind: 'repeat' },
    ]);
  });
});

describe('texts of a request', () => {
  it('gives the object one leading space where it has none', () => {
    expect(targetText(good)).toBe(' violin');
    expect(targetText({ ...good, targetNew: ' violin' })).toBe(' violin');
  });

  it('fills the subject in literally', () => {
    expect(fillPrompt('The {} of', "$& $1 $$ $'")).toBe("The $& $1 $$ $' of");
  });
});
