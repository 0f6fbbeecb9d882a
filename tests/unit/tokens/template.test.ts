import { describe, expect, it } from 'vitest';
import { fillPrompt, placeSubject } from '../../../src/engine/tokens/template.ts';

describe('placeSubject', () => {
  it.each([
    ['The Iranian name of Iran is', 'Iran', 'The Iranian name of {} is'],
    ['Although small, Al plays', 'Al', 'Although small, {} plays'],
    ['The capital of France is', 'France', 'The capital of {} is'],
    // Nowhere a word of its own: the first place.
    ['Iranians speak Iranian', 'Iran', '{}ians speak Iranian'],
    ['Pelé and Pelés: Pelé', 'Pel', '{}é and Pelés: Pelé'],
    // What is not a letter ends a word by itself.
    ['xF.C. or F.C.x', 'F.C.', 'xF.C. or {}x'],
    ['AC/DC’s AC', 'AC', '{}/DC’s AC'],
    ['C++ and C', 'C++', '{} and C'],
    ['a_b b', 'b', 'a_b {}'],
    ['𝒳1 1', '1', '𝒳1 {}'],
    ['costs $& or $1', '$&', 'costs {} or $1'],
    // Scripts without spaces have no other words around theirs.
    ['日本の首都は東京です', '東京', '日本の首都は{}です'],
    ['서울은 어디', '서울', '{}은 어디'],
  ])('of “%s” and “%s” is “%s”', (wording, subject, template) => {
    expect(placeSubject(wording, subject)?.template).toBe(template);
    expect(fillPrompt(template, subject)).toBe(wording);
  });

  it.each([
    ['The capital of France is', 'France', null],
    ['Iranians speak Iranian', 'Iran', /inside another word/],
    ['日本の首都は東京です', '東京', null],
    ['Beyonce\u0301 plays', 'Beyonc\u00e9', /two ways/],
    ['Beyonc\u00e9 plays', 'Beyonce\u0301', /two ways/],
  ])('of “%s” and “%s” notes %s', (wording, subject, note) => {
    const placed = placeSubject(wording, subject);
    expect(placed?.note ?? '').toMatch(note ?? /^$/);
    expect(placed?.template).toContain('{}');
  });

  it.each([
    ['nothing here', 'France'],
    ['nothing here', ''],
  ])('finds “%s” without “%s”', (wording, subject) => {
    expect(placeSubject(wording, subject)).toBeNull();
  });
});
