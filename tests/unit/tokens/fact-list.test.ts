import { describe, expect, it } from 'vitest';
import { ModelError } from '../../../src/engine/errors.ts';
import { FactList } from '../../../src/engine/tokens/fact-list.ts';
import { demoFacts } from './demo.ts';

describe('FactList', () => {
  it('reads the demo model’s facts', () => {
    expect(demoFacts.relations).toHaveLength(30);
    const facts = demoFacts.relations.flatMap((relation) => relation.facts);
    expect(facts).toHaveLength(12_000);
    expect(facts.filter(({ known }) => known)).toHaveLength(11_977);
  });

  it('finds relations by id and label, and facts by subject, in any case', () => {
    expect(demoFacts.relation('Instrument')?.id).toBe('P1303');
    expect(demoFacts.relation('CURRENCY')?.label).toBe('currency');
    expect(demoFacts.relation('nothing')).toBeUndefined();
    expect(demoFacts.find('toko yasuda', 'instrument')).toMatchObject({ object: 'guitar' });
    expect(demoFacts.find('Toko Yasuda', 'currency')).toBeUndefined();
    expect(demoFacts.find('Toko Yasuda', 'nothing')).toBeUndefined();
  });

  it('draws known neighbours with the old object, the same ones for the same seed', () => {
    const draw = (seed?: number) =>
      demoFacts.neighbours('P1303', 'guitar', 'Toko Yasuda', 8, seed).map(({ subject }) => subject);
    const neighbours = demoFacts.neighbours('P1303', ' Guitar', 'toko yasuda', 1000);
    expect(neighbours.length).toBeGreaterThan(20);
    expect(neighbours.every(({ object, known }) => object === 'guitar' && known)).toBe(true);
    expect(neighbours.some(({ subject }) => subject === 'Toko Yasuda')).toBe(false);
    expect(new Set(draw()).size).toBe(8);
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(draw()).toEqual(neighbours.slice(0, 8).map(({ subject }) => subject));
    expect(demoFacts.neighbours('nothing', 'guitar', 'Toko Yasuda', 8)).toEqual([]);
  });

  it('gives the other wordings of a relation', () => {
    const templates = demoFacts.relation('currency')?.templates ?? [];
    expect(demoFacts.paraphrases('currency', templates[0])).toEqual(templates.slice(1));
    expect(demoFacts.paraphrases('nothing', templates[0])).toEqual([]);
  });

  const relation = { id: 'r', label: 'r', templates: ['{} is'], facts: [{ subject: 's', object: 'o', known: true }] };
  it.each([
    ['[', /not valid JSON/],
    ['{}', /relations/],
    [JSON.stringify({ relations: [{ ...relation, templates: ['no place'] }] }), /relations\.0\.templates\.0.*\{\}/],
    [JSON.stringify({ relations: [{ ...relation, templates: [] }] }), /relations\.0\.templates/],
    [JSON.stringify({ relations: [{ ...relation, facts: [{ subject: 's', object: 'o' }] }] }), /facts\.0\.known/],
    [JSON.stringify({ relations: [relation, { ...relation, id: 'R' }] }), /two relations called “r”/],
  ])('refuses a broken file (%#)', (json, message) => {
    expect(() => FactList.parse(json)).toThrow(ModelError);
    expect(() => FactList.parse(json)).toThrow(message);
  });
});

describe('parseTriples', () => {
  const instrument = { relationId: 'P1303', prompt: '{} plays the instrument', object: 'violin' };

  it.each([
    ['Toko Yasuda | instrument | violin'],
    ['Toko Yasuda\tP1303\tviolin'],
    ['Toko Yasuda, Instrument ,violin\r\n'],
    ['"Toko Yasuda","instrument","violin"'],
    ['Toko Yasuda|{} plays the instrument|violin'],
    ['subject,relation,object\nToko Yasuda,instrument,violin'],
  ])('reads %j', (text) => {
    expect(demoFacts.parseTriples(text)).toEqual({ drafts: [{ subject: 'Toko Yasuda', ...instrument }], faults: [] });
  });

  it('keeps separators and quotes inside quoted fields', () => {
    const { drafts, faults } = demoFacts.parseTriples(
      '"Paris, ""the"" | city", "{}, located in", Italy\n7" disc | {} is | round',
    );
    expect(faults).toEqual([]);
    expect(drafts).toEqual([
      { subject: 'Paris, "the" | city', relationId: 'P17', prompt: '{}, located in', object: 'Italy' },
      { subject: '7" disc', relationId: null, prompt: '{} is', object: 'round' },
    ]);
  });

  it('reports each faulty line and reads the others', () => {
    const { drafts, faults } = demoFacts.parseTriples(
      [
        '',
        'Toko Yasuda | violin',
        'A | plays | B',
        ' | {} is | B',
        'A | {} and {} | B',
        '|| ',
        'Toko Yasuda | {} plays the instrument | violin',
        'x',
      ].join('\n'),
    );
    expect(drafts).toHaveLength(1);
    expect(faults.map(({ line }) => line)).toEqual([2, 3, 4, 5, 6, 8]);
    expect(faults.map(({ message }) => message)).toEqual([
      expect.stringContaining('found 2 parts'),
      expect.stringContaining('“plays”'),
      'The subject is empty.',
      expect.stringContaining('2 {}'),
      'The subject and the relation and the object are empty.',
      expect.stringContaining('found 1 part.'),
    ]);
  });

  it('reads free prompts for a model without a fact list', () => {
    const { drafts, faults } = new FactList().parseTriples('Rome | {} is in | France\nRome | located in | France');
    expect(drafts).toEqual([{ subject: 'Rome', relationId: null, prompt: '{} is in', object: 'France' }]);
    expect(faults).toHaveLength(1);
  });
});
