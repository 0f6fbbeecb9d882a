/** The heat map of a trace: its colours and its keys. */
import { describe, expect, it } from 'vitest';
import { fractionOf, shade, type Shade } from '../../../src/app/shared/color-scale.ts';
import { placeAfterKey } from '../../../src/app/shared/grid-keys.ts';

/** Relative luminance (WCAG 2), from 0 to 1. */
function luminance(color: string): number {
  const [r = 0, g = 0, b = 0] = (color.match(/\d+/g) ?? []).map((channel) => {
    const value = Number(channel) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

describe('the colour scale', () => {
  it.each<[Shade, number]>([
    ['light', -1],
    ['dark', 1],
  ])('goes one way in lightness where it is %s, over a wide range', (theme, sign) => {
    const steps = Array.from({ length: 41 }, (_, i) => luminance(shade(i / 40, theme)));
    for (let i = 1; i < steps.length; i += 1) expect(sign * (steps[i] - steps[i - 1])).toBeGreaterThan(0);
    const [low, high] = [Math.min(...steps), Math.max(...steps)];
    expect((high + 0.05) / (low + 0.05)).toBeGreaterThan(9);
  });

  it('runs from the corrupted to the clean probability and is cut there', () => {
    expect([0.05, 0.1, 0.5, 0.9, 1].map((score) => fractionOf(score, 0.1, 0.9))).toEqual([0, 0, 0.5, 1, 1]);
    expect(fractionOf(0.5, 0.9, 0.9)).toBe(0);
    expect(shade(-3, 'light')).toBe(shade(0, 'light'));
    expect(shade(3, 'dark')).toBe(shade(1, 'dark'));
  });
});

describe('keys on the heat map', () => {
  const from = (key: string, control = false) => placeAfterKey(key, control, { token: 2, layer: 3 }, 8, 6);

  it.each([
    ['ArrowLeft', 2, 2],
    ['ArrowRight', 2, 4],
    ['ArrowUp', 1, 3],
    ['ArrowDown', 3, 3],
    ['Home', 2, 0],
    ['End', 2, 5],
    ['PageUp', 0, 3],
    ['PageDown', 7, 3],
  ])('%s leads to token %i, layer %i', (key, token, layer) => {
    expect(from(key)).toEqual({ token, layer });
  });

  it('stay on the map, reach its corners with Ctrl, and leave other keys alone', () => {
    expect(placeAfterKey('ArrowLeft', false, { token: 0, layer: 0 }, 8, 6)).toEqual({ token: 0, layer: 0 });
    expect(from('Home', true)).toEqual({ token: 0, layer: 0 });
    expect(from('End', true)).toEqual({ token: 7, layer: 5 });
    expect(from('Tab')).toBeNull();
  });
});
