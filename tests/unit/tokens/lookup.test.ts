import { describe, expect, it } from 'vitest';
import { RequestError } from '../../../src/engine/errors.ts';
import { locateInContext, locateSubject, type LocatedSubject } from '../../../src/engine/tokens/lookup.ts';
import { fillPrompt } from '../../../src/engine/tokens/template.ts';
import type { ModelTokenizer } from '../../../src/engine/tokens/tokenizer.ts';
import { demoFacts, demoTokenizer, readText } from './demo.ts';
import { sentencePieceTokenizer } from './sentencepiece.ts';

function subjectText(tokenizer: ModelTokenizer, { ids, subjectRange }: LocatedSubject): string {
  return tokenizer.decode(ids.slice(...subjectRange));
}

describe('locateSubject', () => {
  it.each([
    ['{} plays the', 'Toko Yasuda', 'Toko Yasuda'],
    ['The mother tongue of {} is', 'Jean Gaven', ' Jean Gaven'],
    ['The capital of {}', 'Zoë São', ' Zoë São'],
  ])('finds “%s” with “%s” from its parts', (template, subject, text) => {
    const located = locateSubject(demoTokenizer, template, subject);
    expect(located.method).toBe('parts');
    expect(located.ids).toEqual(demoTokenizer.encode(fillPrompt(template, subject), { special: true }));
    expect(subjectText(demoTokenizer, located)).toBe(text);
    expect(located.lookupIndex).toBe(located.subjectRange[1] - 1);
  });

  it.each([
    ['a quote before the subject', 'The place "{}" is in', 'Rome', 'Rome'],
    ['a merge with the text after it', '{}s are', 'American', 'Americans'],
    ['a merge of punctuation', '{}, located in', 'Iraklis F.C.', 'Iraklis F.C.,'],
    ['the whole subject in a longer token', '{}n is', 'America', 'American'],
    ['spaces around the subject', 'The capital of {} is', '  France ', ' France'],
  ])('finds the subject by its characters: %s', (_, template, subject, text) => {
    const located = locateSubject(demoTokenizer, template, subject);
    expect(located.method).toBe('span');
    expect(subjectText(demoTokenizer, located)).toBe(text);
    expect(located.lookupIndex).toBe(located.subjectRange[1] - 1);
  });

  it('finds the subject after a begin token', () => {
    const located = locateSubject(sentencePieceTokenizer, 'in {} is', 'Paris');
    expect(located.method).toBe('span');
    expect(located.ids[0]).toBe(1);
    expect(subjectText(sentencePieceTokenizer, located)).toBe(' Paris');
  });

  it('agrees with the characters wherever the parts fit: every relation of the demo model', () => {
    let compared = 0;
    for (const { templates, facts } of demoFacts.relations) {
      for (const template of templates) {
        for (const { subject } of facts.slice(0, 3)) {
          const located = locateSubject(demoTokenizer, template, subject);
          const sentence = fillPrompt(template, subject);
          const end = template.indexOf('{}') + subject.length;
          const spans = demoTokenizer.spans(sentence, { special: true });
          expect(spans[located.lookupIndex][0]).toBeLessThan(end);
          expect(spans[located.lookupIndex][1]).toBeGreaterThanOrEqual(end);
          compared++;
        }
      }
    }
    expect(compared).toBeGreaterThan(150);
  });

  it('agrees with the reference implementation', () => {
    const golden = JSON.parse(readText('tests/reference/goldens/demo-memit.json')) as {
      contexts: string[];
      edits: {
        prompt: string;
        subject: string;
        ids: number[][];
        lookup: number[];
        klIds: number[];
        klLookup: number;
      }[];
    };
    expect(golden.edits).toHaveLength(20);
    for (const { prompt, subject, ids, lookup, klIds, klLookup } of golden.edits) {
      const located = golden.contexts.map((context) => locateInContext(demoTokenizer, context, prompt, subject));
      expect(located.map((row) => row.ids)).toEqual(ids);
      expect(located.map((row) => row.lookupIndex)).toEqual(lookup);
      expect(locateSubject(demoTokenizer, '{} is a', subject)).toMatchObject({ ids: klIds, lookupIndex: klLookup });
    }
  });

  it('moves by the length of a context', () => {
    const plain = locateInContext(demoTokenizer, '{}', 'The mother tongue of {} is', 'Jean Gaven');
    const later = locateInContext(demoTokenizer, 'The man. {}', 'The mother tongue of {} is', 'Jean Gaven');
    expect(plain).toEqual(locateSubject(demoTokenizer, 'The mother tongue of {} is', 'Jean Gaven'));
    expect(subjectText(demoTokenizer, later)).toBe(' Jean Gaven');
    expect(later.lookupIndex - plain.lookupIndex).toBe(later.ids.length - plain.ids.length);
    expect(later.lookupIndex).toBeGreaterThan(plain.lookupIndex);
  });

  it('keeps $ and {} of a subject as they are', () => {
    const located = locateSubject(demoTokenizer, '{} is a', '$& and {}');
    expect(demoTokenizer.decode(located.ids)).toBe('$& and {} is a');
    expect(subjectText(demoTokenizer, located)).toBe('$& and {}');
  });

  it.each([
    ['the capital is', 'France', 'prompt'],
    ['{} and {} are', 'France', 'prompt'],
    ['The capital of {} is', '   ', 'subject'],
  ])('refuses “%s” with “%s”', (template, subject, field) => {
    const error = (() => {
      try {
        return locateSubject(demoTokenizer, template, subject);
      } catch (caught) {
        return caught;
      }
    })();
    expect(error).toBeInstanceOf(RequestError);
    expect((error as RequestError).field).toBe(field);
  });
});
