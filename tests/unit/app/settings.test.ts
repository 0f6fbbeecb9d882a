/** Run settings as they are typed. */
import { describe, expect, it } from 'vitest';
import { parseLayers, parseSettings, settingsToText } from '../../../src/app/store/settings.ts';

const settings = {
  layers: [1, 2, 3],
  steps: 25,
  learningRate: 0.5,
  weightDecay: 0.5,
  clampNormFactor: 0.75,
  klFactor: 0.0625,
  covarianceWeight: 15000,
  seed: 7,
};

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
    expect(parseSettings(settingsToText(settings), 8)).toEqual({ settings, faults: {} });
  });

  it('takes a decimal comma', () => {
    const text = { ...settingsToText(settings), learningRate: ' 0,25 ' };
    expect(parseSettings(text, 8).settings?.learningRate).toBe(0.25);
  });

  it('judges every field at once and gives no settings while one is at fault', () => {
    const text = {
      ...settingsToText(settings),
      layers: '9',
      steps: '2.5',
      learningRate: '0',
      seed: '',
      klFactor: '-1',
    };
    const parsed = parseSettings(text, 8);
    expect(parsed.settings).toBeNull();
    expect(Object.keys(parsed.faults).sort()).toEqual(['klFactor', 'layers', 'learningRate', 'seed', 'steps']);
    expect(parsed.faults.learningRate).toBe('Must be above 0.');
  });
});
