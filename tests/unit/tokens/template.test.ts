import { describe, expect, it } from 'vitest';
import { fillPrompt, templateOf } from '../../../src/engine/tokens/template.ts';

describe('templateOf', () => {
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
    ['nothing here', 'France', 'nothing here'],
    ['costs $& or $1', '$&', 'costs {} or $1'],
  ])('of “%s” and “%s” is “%s”', (wording, subject, template) => {
    expect(templateOf(wording, subject)).toBe(template);
    if (template !== wording) expect(fillPrompt(template, subject)).toBe(wording);
  });
});
