/** The ranks of the followed answers, a line an answer and side. Pure. */
import type { LensView } from '../../worker/lens-api.ts';
import { formatToken } from '../format.ts';
import { gridOf, SIDE_NAMES, sidesOf, type LensSide } from './lens-cells.ts';

export interface RankLine {
  key: string;
  name: string;
  color: string;
  dash: string;
  /** By layer, 1 for what is said. */
  ranks: number[];
}

/** Colour tells the answers apart, dashes the sides. */
const COLORS = { old: 'var(--before)', new: 'var(--object)' };
const DASHES: Record<LensSide, string> = { before: '5 4', after: '' };

export function rankLines(view: LensView, token: number): RankLine[] {
  return view.followed.flatMap(({ role, token: text }, i) =>
    sidesOf(view).map((side) => ({
      key: `${role} ${side}`,
      name: `${formatToken(text)}, ${SIDE_NAMES[side].toLowerCase()}`,
      color: COLORS[role],
      dash: view.after === null ? '' : DASHES[side],
      ranks: gridOf(view, side)[token].map((cell) => cell.followed[i].rank + 1),
    })),
  );
}
