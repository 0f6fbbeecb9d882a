/** The heat map as an SVG picture on white, built from the numbers. Pure. */
import { largest } from '../../engine/extent.ts';
import type { TraceGrid, TraceView } from '../../worker/trace-api.ts';
import { formatProbability, formatToken } from '../format.ts';
import { escapeMarkup } from '../shared/markup.ts';
import { MONO, pictureOf, words, type Picture } from '../shared/picture.ts';
import type { Band } from '../store/trace.ts';
import { fractionOf, shade } from '../shared/color-scale.ts';
import { gridName } from './names.ts';

const CELL = 24;
const MARGIN = 16;
const TITLE = 46;
/** Of the monospaced letters at 12 px. */
const LETTER = 7.3;
const LEGEND = { width: 160, height: 10, space: 74 };

/** Layers are labelled so far apart that two digits fit. */
function labelStep(layers: number): number {
  return layers > 24 ? 4 : layers > 12 ? 2 : 1;
}

/** Tokens down, layers across; the subject's tokens starred, the layers of `band` framed. */
export function heatPicture(view: TraceView, grid: TraceGrid, band: Band | null): Picture {
  const layers = grid.scores[0]?.length ?? 0;
  const labels = view.tokens.map(({ text, subject }) => formatToken(text) + (subject ? '*' : ''));
  const left = MARGIN + Math.ceil(Math.max(0, largest(labels.map((label) => [...label].length))) * LETTER) + 8;
  const title = `P(${formatToken(view.answer.token)}) when restored: ${gridName(grid)}`;
  const width = Math.max(left + layers * CELL, left + LEGEND.width, Math.ceil(title.length * 8)) + MARGIN * 2;
  const bottom = TITLE + view.tokens.length * CELL;
  const height = bottom + 30 + LEGEND.space;
  const { corrupted, answer } = view;
  const parts: string[] = [
    words(MARGIN, 20, title, 'font-size="13" font-weight="600"'),
    words(MARGIN, 36, view.prompt, 'font-size="11" fill="#525e6c"'),
  ];
  view.tokens.forEach(({ subject }, row) => {
    const y = TITLE + row * CELL;
    const color = subject ? '#0a62a6' : '#18202a';
    const place = `text-anchor="end" font-family="${MONO}" font-size="12" fill="${color}" xml:space="preserve"`;
    parts.push(words(left - 6, y + 16, labels[row] ?? '', place));
    grid.scores[row]?.forEach((score, layer) => {
      const fill = score === null ? '#fff' : shade(fractionOf(score, corrupted, answer.probability), 'light');
      const x = left + layer * CELL;
      parts.push(
        `<rect x="${x}" y="${y}" width="${CELL}" height="${CELL}" fill="${fill}" stroke="#fff">` +
          `<title>${escapeMarkup(`${labels[row] ?? ''}, layer ${layer}: ${score === null ? 'not traced' : formatProbability(score)}`)}</title></rect>`,
      );
    });
  });
  for (let layer = 0; layer < layers; layer += labelStep(layers)) {
    parts.push(words(left + (layer + 0.5) * CELL, bottom + 14, String(layer), 'text-anchor="middle" font-size="10"'));
  }
  parts.push(words(left + (layers * CELL) / 2, bottom + 28, 'layer', 'text-anchor="middle" font-size="11"'));
  if (band) {
    const size = `width="${(band.last - band.first + 1) * CELL}" height="${view.tokens.length * CELL}"`;
    parts.push(
      `<rect x="${left + band.first * CELL}" y="${TITLE}" ${size} fill="none" stroke="#18202a" stroke-width="2"/>`,
    );
  }
  parts.push(legend(left, bottom + 48, corrupted, answer.probability));
  return pictureOf(width, height, parts);
}

function legend(x: number, y: number, low: number, high: number): string {
  const steps = Array.from({ length: 11 }, (_, i) => i / 10);
  const stops = steps.map((at) => `<stop offset="${at}" stop-color="${shade(at, 'light')}"/>`).join('');
  const below = y + LEGEND.height + 13;
  return [
    `<defs><linearGradient id="scale">${stops}</linearGradient></defs>`,
    `<rect x="${x}" y="${y}" width="${LEGEND.width}" height="${LEGEND.height}" fill="url(#scale)"/>`,
    words(x, below, formatProbability(low), 'font-size="10"'),
    words(x, below + 12, 'corrupted', 'font-size="10" fill="#525e6c"'),
    words(x + LEGEND.width, below, formatProbability(high), 'font-size="10" text-anchor="end"'),
    words(x + LEGEND.width, below + 12, 'clean', 'font-size="10" fill="#525e6c" text-anchor="end"'),
  ].join('');
}
