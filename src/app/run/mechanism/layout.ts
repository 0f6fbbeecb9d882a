/** Where the parts of the picture stand: tokens across, layers upwards, what is said of a layer beside it. Pure. */
import type { TokenView } from '../../../worker/api.ts';

export interface Column {
  /** Of the first token it stands for. */
  index: number;
  /** More than one where tokens are left out. */
  count: number;
  text: string;
  role: TokenView['role'];
  x: number;
}

export interface Row {
  first: number;
  /** More than `first` where layers are drawn as one. */
  last: number;
  edited: boolean;
  /** Of its middle. */
  y: number;
  height: number;
}

export interface Layout {
  width: number;
  height: number;
  columns: Column[];
  columnWidth: number;
  /** From the last layer down. */
  rows: Row[];
  lookup: Column;
  last: Column;
  /** Of the first column's left edge. */
  left: number;
  /** Where what is said of a layer begins. */
  right: number;
  /** Of the residuals' bars. */
  barWidth: number;
  top: number;
  /** Of the tokens' upper edge. */
  bottom: number;
}

const MOST_COLUMNS = 12;
/** Of a model with more layers, those that are not edited are drawn together. */
const MOST_ROWS = 36;
const LABELS = 62;
const READINGS = 236;
const TOP = 74;
const TOKEN_ROOM = 44;
const EDITED_HEIGHT = 40;

/** Tokens that are shown: the subject's end, the prompt's end and its beginning come first. */
function columnsOf(tokens: readonly TokenView[]): Omit<Column, 'x'>[] {
  const lookup = Math.max(
    0,
    tokens.findIndex(({ role }) => role === 'lookup'),
  );
  const wanted = tokens.map((_, index) => index);
  // The nearer to the look-up token or the end, the sooner.
  const distance = (index: number): number => Math.min(Math.abs(index - lookup), 1.5 * (tokens.length - 1 - index));
  const shown = new Set(wanted.sort((a, b) => distance(a) - distance(b)).slice(0, MOST_COLUMNS));
  const columns: Omit<Column, 'x'>[] = [];
  for (const [index, { text, role }] of tokens.entries()) {
    const before = columns.at(-1);
    if (shown.has(index)) columns.push({ index, count: 1, text, role });
    else if (before && !shown.has(before.index)) before.count += 1;
    else columns.push({ index, count: 1, text: '…', role: 'plain' });
  }
  return columns;
}

function rowsOf(layerCount: number, edited: readonly number[]): Omit<Row, 'y' | 'height'>[] {
  const rows: Omit<Row, 'y' | 'height'>[] = [];
  for (let layer = 0; layer < layerCount; layer += 1) {
    const before = rows.at(-1);
    const isEdited = edited.includes(layer);
    if (layerCount > MOST_ROWS && before && !before.edited && !isEdited) before.last = layer;
    else rows.push({ first: layer, last: layer, edited: isEdited });
  }
  return rows.reverse();
}

/** Where the names of tokens can still be told from each other. */
const LEAST_COLUMN = 44;

/** Narrower, letters would lie over each other. */
export function leastWidth(tokens: readonly TokenView[]): number {
  return LABELS + READINGS + LEAST_COLUMN * columnsOf(tokens).length;
}

/** @param width of the whole picture, in pixels */
export function layoutOf(
  tokens: readonly TokenView[],
  layerCount: number,
  edited: readonly number[],
  width: number,
): Layout {
  const bare = columnsOf(tokens);
  const columnWidth = Math.min(96, (width - LABELS - READINGS) / bare.length);
  const columns = bare.map((column, i) => ({ ...column, x: LABELS + (i + 0.5) * columnWidth }));
  const plainHeight = layerCount <= 16 ? 18 : 11;
  let y = TOP;
  const rows = rowsOf(layerCount, edited).map((row): Row => {
    const height = row.edited ? EDITED_HEIGHT : row.last > row.first ? 20 : plainHeight;
    y += height;
    return { ...row, height, y: y - height / 2 };
  });
  const right = LABELS + bare.length * columnWidth + 14;
  return {
    width,
    height: y + TOKEN_ROOM,
    columns,
    columnWidth,
    rows,
    lookup: columns.find(({ role }) => role === 'lookup') ?? columns[0],
    last: columns[columns.length - 1],
    left: LABELS,
    right,
    barWidth: Math.min(150, width - right - 100),
    top: TOP,
    bottom: y,
  };
}
