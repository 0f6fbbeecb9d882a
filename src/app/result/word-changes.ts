/** Which words of two texts differ: their longest common subsequence is what they share. Pure. */

export interface Piece {
  text: string;
  differs: boolean;
}

/** Words with the space before them. */
function wordsOf(text: string): string[] {
  return text.match(/\s*\S+/g) ?? [];
}

/** Both texts in pieces; together, each side's pieces are its text but for spaces at its end. */
export function wordChanges(before: string, after: string): { before: Piece[]; after: Piece[] } {
  const [a, b] = [wordsOf(before), wordsOf(after)];
  const same = (i: number, j: number): boolean => a[i].trim() === b[j].trim();
  // shared[i][j]: how many words a from i and b from j have in common, in order.
  const shared = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      shared[i][j] = same(i, j) ? shared[i + 1][j + 1] + 1 : Math.max(shared[i + 1][j], shared[i][j + 1]);
    }
  }
  const sides = { before: [] as Piece[], after: [] as Piece[] };
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && same(i, j)) {
      add(sides.before, a[i++], false);
      add(sides.after, b[j++], false);
    } else if (j === b.length || (i < a.length && shared[i + 1][j] >= shared[i][j + 1])) {
      add(sides.before, a[i++], true);
    } else {
      add(sides.after, b[j++], true);
    }
  }
  return sides;
}

function add(pieces: Piece[], text: string, differs: boolean): void {
  const last = pieces.at(-1);
  if (last?.differs === differs) last.text += text;
  else pieces.push({ text, differs });
}
