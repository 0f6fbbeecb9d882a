/** The maps of the lens as one SVG picture on white, below each other. Pure. */
import { formatToken } from '../format.ts';
import type { LensView } from '../../worker/lens-api.ts';
import { escapeMarkup } from '../shared/markup.ts';
import { MONO, pictureOf, words, type Picture } from '../shared/picture.ts';
import { cellShade, cellWords, gridOf, roleOf, SIDE_NAMES, sidesOf } from './lens-cells.ts';

const CELL = { width: 82, height: 22 };
const MARGIN = 16;
const LEFT = 46;
const TITLE = 30;
const BETWEEN = 46;
/** Letters of a word that fit a cell. */
const LETTERS = 10;
const FRAMES = { old: '#5d6b7c', new: '#a03c7c' };

function cut(word: string): string {
  const letters = [...word];
  return letters.length <= LETTERS ? word : `${letters.slice(0, LETTERS - 1).join('')}…`;
}

export function lensPicture(view: LensView): Picture {
  const { tokens, layerCount, edited } = view;
  const sides = sidesOf(view);
  const mapHeight = layerCount * CELL.height + CELL.height;
  const width = Math.max(LEFT + tokens.length * CELL.width, 320) + 2 * MARGIN;
  const height = TITLE + MARGIN + sides.length * (mapHeight + BETWEEN);
  const parts = [
    words(MARGIN, 20, `What each layer would say after “${view.prompt}”`, 'font-size="13" font-weight="600"'),
  ];
  sides.forEach((side, at) => {
    const top = TITLE + at * (mapHeight + BETWEEN) + 22;
    parts.push(words(MARGIN, top - 6, SIDE_NAMES[side], 'font-size="12" font-weight="600" fill="#525e6c"'));
    const yOf = (layer: number): number => top + (layerCount - 1 - layer) * CELL.height;
    gridOf(view, side).forEach((cells, token) => {
      const x = LEFT + token * CELL.width;
      cells.forEach((cell, layer) => {
        const y = yOf(layer);
        const [{ token: text, probability }] = cell.top;
        const role = roleOf(view, cell);
        const size = `width="${CELL.width}" height="${CELL.height}"`;
        parts.push(
          `<rect x="${x}" y="${y}" ${size} fill="${cellShade(probability, 'light')}" stroke="#fff">` +
            `<title>${escapeMarkup(cellWords(view, token, layer, cell))}</title></rect>`,
        );
        if (role) {
          const inner = `x="${x + 1.5}" y="${y + 1.5}" width="${CELL.width - 3}" height="${CELL.height - 3}"`;
          parts.push(`<rect ${inner} fill="none" stroke="${FRAMES[role]}" stroke-width="2"/>`);
        }
        const weight = role ? ' font-weight="700"' : '';
        parts.push(words(x + 6, y + 15, cut(formatToken(text)), `font-family="${MONO}" font-size="11"${weight}`));
      });
      const color = tokens[token].subject ? '#0a62a6' : '#525e6c';
      const place = `font-family="${MONO}" font-size="11" fill="${color}"`;
      parts.push(words(x + 6, yOf(0) + CELL.height + 15, cut(formatToken(tokens[token].text)), place));
    });
    for (let layer = 0; layer < layerCount; layer += 1) {
      const inBand = edited !== null && layer >= edited.first && layer <= edited.last;
      const weight = inBand ? ' font-weight="700" fill="#007560"' : ' fill="#525e6c"';
      parts.push(words(LEFT - 8, yOf(layer) + 15, String(layer), `font-size="11" text-anchor="end"${weight}`));
    }
  });
  return pictureOf(width, height, parts);
}
