/** Where the arrow keys lead on the heat map. Pure. */

export interface CellPlace {
  token: number;
  layer: number;
}

/** Rows that Page up and Page down skip. */
const PAGE = 5;

/** The cell a key leads to, inside the grid, or null for keys that lead nowhere. */
export function placeAfterKey(
  key: string,
  control: boolean,
  at: CellPlace,
  tokens: number,
  layers: number,
): CellPlace | null {
  const { token, layer } = at;
  const to = (row: number, column: number): CellPlace => ({
    token: Math.min(tokens - 1, Math.max(0, row)),
    layer: Math.min(layers - 1, Math.max(0, column)),
  });
  switch (key) {
    case 'ArrowLeft':
      return to(token, layer - 1);
    case 'ArrowRight':
      return to(token, layer + 1);
    case 'ArrowUp':
      return to(token - 1, layer);
    case 'ArrowDown':
      return to(token + 1, layer);
    case 'PageUp':
      return to(token - PAGE, layer);
    case 'PageDown':
      return to(token + PAGE, layer);
    case 'Home':
      return to(control ? 0 : token, 0);
    case 'End':
      return to(control ? tokens - 1 : token, layers - 1);
    default:
      return null;
  }
}
