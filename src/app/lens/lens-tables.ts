/** The lens as a table, for the eye and for files. Pure. */
import type { LensView } from '../../worker/lens-api.ts';
import type { Table } from '../shared/table.ts';
import { gridOf, sidesOf } from './lens-cells.ts';

/** A row a side, token and layer: the word, its probability, and how the followed answers stand. */
export function lensTable(view: LensView): Table {
  const followed = view.followed.flatMap(({ role, token }) => [`P(${role}:${token})`, `rank(${role}:${token})`]);
  return {
    columns: ['model', 'token index', 'token', 'layer', 'says', 'probability', ...followed],
    rows: sidesOf(view).flatMap((side) =>
      gridOf(view, side).flatMap((cells, token) =>
        cells.map(({ top: [top], followed: standings }, layer) => [
          side,
          token,
          view.tokens[token].text,
          layer,
          top.token,
          top.probability,
          ...standings.flatMap(({ probability, rank }) => [probability, rank + 1]),
        ]),
      ),
    ),
  };
}
