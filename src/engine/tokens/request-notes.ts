/** What a list of requests says twice, or in two ways: known before any of them is run. */
import { fillPrompt, targetText, type EditRequest } from './request.ts';

export interface RequestNote {
  /** Which request, from 0, and an earlier one that it is about. */
  readonly request: number;
  readonly earlier: number;
  /** `conflict`: another object for the same prompt and subject; `repeat`: the same one again. */
  readonly kind: 'conflict' | 'repeat';
}

/** Of every request that has the prompt and subject of an earlier one, beside the first of those. */
export function requestNotes(requests: readonly EditRequest[]): RequestNote[] {
  const first = new Map<string, number>();
  return requests.flatMap((request, i): RequestNote[] => {
    const asked = JSON.stringify([fillPrompt(request.prompt, request.subject.trim()), request.subject.trim()]);
    const earlier = first.get(asked);
    if (earlier === undefined) {
      first.set(asked, i);
      return [];
    }
    const same = targetText(request).trim() === targetText(requests[earlier]).trim();
    return [{ request: i, earlier, kind: same ? 'repeat' : 'conflict' }];
  });
}
