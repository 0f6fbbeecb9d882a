/** Where a token stands to the subject: the classes that effects are averaged over (Meng et al. 2022, figure 2 and appendix B). */

export const TRACE_POSITIONS = [
  'first subject',
  'middle subject',
  'last subject',
  'first after',
  'further',
  'last',
] as const;

export type TracePosition = (typeof TRACE_POSITIONS)[number];

/**
 * The class of each of `length` tokens, the subject being tokens start … end−1. A token that could be two of them is the one that
 * says more: a subject of one token is its last, and the prompt's last token is the subject's where the prompt ends with it.
 */
export function positionsOf(
  length: number,
  [start, end]: readonly [number, number],
): (TracePosition | 'before subject')[] {
  return Array.from({ length }, (_, token) => {
    if (token < start) return 'before subject';
    if (token === end - 1) return 'last subject';
    if (token < end) return token === start ? 'first subject' : 'middle subject';
    if (token === length - 1) return 'last';
    return token === end ? 'first after' : 'further';
  });
}
