/** The colours of the heat map: one hue from faint to strong, so that lightness alone tells the values. Pure. */

type Rgb = readonly [number, number, number];
export type Shade = 'light' | 'dark';

/** The hue of the theme's layers. In the dark strong is bright, so that it stands off the page there too. */
const stops: Record<Shade, readonly Rgb[]> = {
  light: [
    [241, 247, 245],
    [187, 224, 214],
    [106, 182, 163],
    [25, 131, 111],
    [0, 66, 53],
  ],
  dark: [
    [31, 43, 45],
    [27, 74, 69],
    [31, 118, 103],
    [60, 197, 166],
    [208, 252, 238],
  ],
};

/** Where a score lies between the corrupted and the clean probability, cut to [0, 1]. */
export function fractionOf(score: number, low: number, high: number): number {
  if (!(high > low)) return 0;
  return Math.min(1, Math.max(0, (score - low) / (high - low)));
}

/** The colour of a fraction in [0, 1], as "rgb(r g b)". */
export function shade(fraction: number, theme: Shade): string {
  const ramp = stops[theme];
  const at = Math.min(1, Math.max(0, fraction)) * (ramp.length - 1);
  const below = Math.min(Math.floor(at), ramp.length - 2);
  const from = ramp[below] ?? [0, 0, 0];
  const to = ramp[below + 1] ?? from;
  const mixed = from.map((channel, i) => Math.round(channel + ((to[i] ?? channel) - channel) * (at - below)));
  return `rgb(${mixed.join(' ')})`;
}

/** The colour of a fraction on the page, which is light or dark. */
export function themedShade(fraction: number): string {
  return `light-dark(${shade(fraction, 'light')}, ${shade(fraction, 'dark')})`;
}

/** The whole scale as a CSS gradient, left to right. */
export function themedGradient(): string {
  const steps = stops.light.map((_, i) => themedShade(i / (stops.light.length - 1)));
  return `linear-gradient(to right, ${steps.join(', ')})`;
}
