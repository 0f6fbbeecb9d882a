/** Pictures as SVG text, built from numbers: what their makers share. Pure. */
import { escapeMarkup } from './markup.ts';

export interface Picture {
  svg: string;
  /** In pixels. */
  width: number;
  height: number;
}

export const MONO = 'ui-monospace, Menlo, Consolas, monospace';
const SANS = 'system-ui, sans-serif';

/** A line of text. */
export function words(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x}" y="${y}" ${attributes}>${escapeMarkup(content)}</text>`;
}

/** The parts on white. */
export function pictureOf(width: number, height: number, parts: readonly string[]): Picture {
  return {
    width,
    height,
    svg:
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
      `font-family="${SANS}" fill="#18202a"><rect width="${width}" height="${height}" fill="#fff"/>${parts.join('')}</svg>`,
  };
}
