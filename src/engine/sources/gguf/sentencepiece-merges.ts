/** The merges of a SentencePiece BPE vocabulary, which has scores in their place. */

/**
 * SentencePiece joins the neighbours whose union has the highest score; as a list of pairs, that is every way to cut a token into two
 * tokens, best token first.
 * @param pieces tokens that may come out of a merge, and as its parts
 * @param scores one a piece; equal ones keep the order of the pieces
 */
export function mergesOf(pieces: readonly string[], scores: readonly number[]): [string, string][] {
  const known = new Set(pieces);
  const order = pieces.map((_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b);
  const merges: [string, string][] = [];
  for (const index of order) {
    const piece = pieces[index];
    const characters = [...piece];
    let left = '';
    for (const character of characters.slice(0, -1)) {
      left += character;
      const right = piece.slice(left.length);
      if (known.has(left) && known.has(right)) merges.push([left, right]);
    }
  }
  return merges;
}
