/** Run settings as they are typed, and as they are told. */
import { describe, expect, it } from 'vitest';
import { briefWords, shownSettings } from '../../../src/app/setting-words.ts';
import { layersField, parseLayers, parseSettings, settingsToText } from '../../../src/app/store/settings.ts';
import { MEMIT, MEMIT_SETTINGS as settings, NUDGE } from './fixtures/methods.ts';

const { fields } = MEMIT;

describe('parseLayers', () => {
  it('reads lists and ranges, in order and once', () => {
    expect(parseLayers('3, 1 2', 8)).toEqual([1, 2, 3]);
    expect(parseLayers('4-6; 5', 8)).toEqual([4, 5, 6]);
  });

  it.each([
    ['', /at least one/],
    ['1, two', /“two”/],
    ['3-1', /backwards/],
    ['2, 8', /Layer 8 does not exist.*0 to 7/],
    ['-1', /“-1”/],
  ])('says what is wrong with %j', (text, message) => {
    expect(parseLayers(text, 8)).toMatch(message);
  });
});

describe('parseSettings', () => {
  it('gives back what was written', () => {
    expect(parseSettings(fields, settingsToText(fields, settings), 8)).toEqual({ settings, faults: {} });
  });

  it('takes a decimal comma', () => {
    const text = { ...settingsToText(fields, settings), learningRate: ' 0,25 ' };
    expect(parseSettings(fields, text, 8).settings?.learningRate).toBe(0.25);
  });

  it('judges every field at once and gives no settings while one is at fault', () => {
    const text = {
      ...settingsToText(fields, settings),
      layers: '9',
      steps: '2.5',
      learningRate: '0',
      seed: '',
      klFactor: '-1',
    };
    const parsed = parseSettings(fields, text, 8);
    expect(parsed.settings).toBeNull();
    expect(Object.keys(parsed.faults).sort()).toEqual(['klFactor', 'layers', 'learningRate', 'seed', 'steps']);
    expect(parsed.faults.learningRate).toBe('Must be above 0.');
    expect(parsed.faults).toMatchObject({
      layers: 'Layer 9 does not exist: this model has layers 0 to 7.',
      steps: 'Write a whole number.',
      klFactor: 'Must be at least 0.',
      seed: 'Write a number.',
    });
  });

  it('holds to the bounds of whatever fields a method has', () => {
    expect(parseSettings(NUDGE.fields, { force: '2', places: '7, 3' }, 8).settings).toEqual({
      force: 2,
      places: [3, 7],
    });
    expect(parseSettings(NUDGE.fields, { force: '2.1', places: '8' }, 8).faults).toEqual({
      force: 'Must be at most 2.',
      places: 'Layer 8 does not exist: this model has layers 0 to 7.',
    });
    expect(layersField(NUDGE.fields)?.name).toBe('places');
    expect(layersField([])).toBeNull();
  });
});

describe('settings in words', () => {
  it('go by the labels of the method’s fields, in their order', () => {
    expect(shownSettings(MEMIT, settings).map(({ label, text }) => `${label} ${text}`)).toEqual([
      'layers 1, 2, 3',
      'steps 25',
      'learning rate 0.5',
      'weight decay 0.5',
      'clamp 0.75',
      'KL factor 0.0625',
      'λ 15000',
      'seed 7',
    ]);
    expect(briefWords(MEMIT, settings)).toBe('layers 1, 2, 3, λ 15000');
    expect(briefWords(NUDGE, NUDGE.preset)).toBe('places 0');
  });

  it('go by their own names where the method is not known, and say what is missing by nothing', () => {
    expect(briefWords(null, { rank: 4, sites: [1, 2], kind: 'lora' })).toBe('rank 4, sites 1, 2, kind lora');
    expect(shownSettings(NUDGE, { force: 1 }).map(({ text }) => text)).toEqual(['1', '']);
  });
});
