/** What localStorage holds is read entry by entry: garbage costs the entry, is kept, and is counted. */
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { readDrafts, readMethods, readTheme } from '../../../src/app/store/storage.ts';

const HASH = 'sha256:aa';
const KEY = `memit.drafts.${HASH}`;
const draft = { id: '1', subject: 'iPod', relationId: null, prompt: '{} is by', object: 'Google' };

function storing(entries: Record<string, string>): Map<string, string> {
  const values = new Map(Object.entries(entries));
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => values.set(key, value),
  });
  return values;
}

afterEach(() => vi.unstubAllGlobals());

describe('drafts in storage', () => {
  it('are read without those that are none, which stay beside them', () => {
    const kept = JSON.stringify([draft, { ...draft, object: 3 }, null]);
    const values = storing({ [KEY]: kept });
    expect(readDrafts(HASH)).toEqual({ drafts: [draft], unreadable: 2 });
    expect(values.get(`${KEY} (unreadable)`)).toBe(kept);
  });

  it('are none where there are none, or where there is no storage', () => {
    storing({});
    expect(readDrafts(HASH)).toBeNull();
    vi.stubGlobal('localStorage', undefined);
    expect(readDrafts(HASH)).toBeNull();
  });

  it('may be anything', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        storing({ [KEY]: text, [`memit.settings.${HASH}`]: text, 'memit.theme': text });
        for (const { id, object } of readDrafts(HASH)?.drafts ?? [])
          expect([typeof id, typeof object]).toEqual(['string', 'string']);
        expect(readMethods(HASH).settingsTexts).toBeTypeOf('object');
        expect(['light', 'dark', 'system']).toContain(readTheme());
      }),
      { numRuns: 300 },
    );
  });
});
