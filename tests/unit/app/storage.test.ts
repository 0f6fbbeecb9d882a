/** What localStorage holds is read entry by entry: garbage costs the entry, is kept, and is counted. */
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { onStoredElsewhere, readDrafts, readMethods, readTheme, writeDrafts } from '../../../src/app/store/storage.ts';

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

  it('say whether there was room for them', () => {
    const values = storing({});
    expect(writeDrafts(HASH, [draft])).toBe(true);
    expect(JSON.parse(values.get(KEY)!)).toEqual([draft]);
    vi.stubGlobal('localStorage', {
      setItem: () => {
        throw new DOMException('full', 'QuotaExceededError');
      },
    });
    expect(writeDrafts(HASH, [draft])).toBe(false);
  });

  it('tell what other tabs store of a model, and nothing of what is set aside', () => {
    const target = new EventTarget();
    vi.stubGlobal('window', target);
    const told: string[][] = [];
    onStoredElsewhere((...what) => told.push(what));
    for (const key of [KEY, `memit.settings.${HASH}`, `${KEY} (unreadable)`, 'memit.theme', null])
      target.dispatchEvent(Object.assign(new Event('storage'), { key, newValue: '[]' }));
    target.dispatchEvent(Object.assign(new Event('storage'), { key: KEY, newValue: null }));
    expect(told).toEqual([
      ['drafts', HASH],
      ['settings', HASH],
    ]);
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
