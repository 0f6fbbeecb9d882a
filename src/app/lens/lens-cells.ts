/** How cells of the lens look and read. Pure. */
import type { LensCellView, LensView } from '../../worker/lens-api.ts';
import { formatProbability, formatToken } from '../format.ts';
import { shade } from '../shared/color-scale.ts';

export type LensSide = 'before' | 'after';

export const SIDE_NAMES: Record<LensSide, string> = { before: 'Before', after: 'After' };

/** The part of the scale on which the words of a cell stay readable, by theme. */
const REACH = { light: 0.6, dark: 0.5 };

/** Where a side is; an unedited model has only the first. */
export function sidesOf({ after }: LensView): LensSide[] {
  return after === null ? ['before'] : ['before', 'after'];
}

export function gridOf(view: LensView, side: LensSide): LensCellView[][] {
  return (side === 'after' ? view.after : null) ?? view.before;
}

/** Which of the followed answers a cell says, or null. */
export function roleOf({ followed }: LensView, { top }: LensCellView): 'old' | 'new' | null {
  return followed.find(({ id }) => id === top[0]?.id)?.role ?? null;
}

/** Behind a cell that says its word with this probability. */
export function cellShade(probability: number, theme: 'light' | 'dark'): string {
  return shade(REACH[theme] * probability, theme);
}

/** For a screen reader: "·French, layer 3: ·Russian 42 %, the new answer". */
export function cellWords(view: LensView, token: number, layer: number, cell: LensCellView): string {
  const role = roleOf(view, cell);
  const [top] = cell.top;
  const answer = role === null ? '' : `, the ${role} answer`;
  return `${formatToken(view.tokens[token].text)}, layer ${layer}: ${formatToken(top.token)} ${formatProbability(top.probability)}${answer}`;
}
