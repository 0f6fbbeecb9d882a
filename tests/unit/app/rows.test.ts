/** The list of edits: rows taken out, put back, moved and looked for, and what came of them. */
import { createStore } from 'zustand/vanilla';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import fc from 'fast-check';
import { requestsJson, requestsTable } from '../../../src/app/edits/request-file.ts';
import { call } from '../../../src/app/store/connection.ts';
import { withoutRows, withRowsBack, withRowsMoved } from '../../../src/app/store/draft-order.ts';
import type { Store } from '../../../src/app/store/index.ts';
import { createRowsSlice, outcomeOf, shownRows } from '../../../src/app/store/rows.ts';
import type { EditDraft } from '../../../src/worker/api.ts';

vi.mock('../../../src/app/store/connection.ts', () => ({ call: vi.fn() }));
const worker = vi.mocked(call);

function draft(id: string, object = 'Rome'): EditDraft {
  return { id, subject: ` ${id} `, relationId: null, prompt: '{} is in', object };
}

const idsOf = (drafts: readonly EditDraft[]): string => drafts.map(({ id }) => id).join('');
const letters = (text: string): EditDraft[] => [...text].map((id) => draft(id));

/** The slice over as much of the store as it touches. */
function listed(drafts: EditDraft[], more: Partial<Store> = {}) {
  const announce = vi.fn();
  const store = createStore<Store>()(
    (set, get, api) =>
      ({
        ...createRowsSlice(set, get, api),
        drafts,
        inspections: {},
        rowWarnings: {},
        history: { patches: [], undoLabel: null, unsaved: null, aside: [] },
        model: { relations: [{ id: 'P1', label: 'place', templates: ['{} lies in'], examples: [] }] },
        replaceDrafts: (next: EditDraft[]) => set({ drafts: next }),
        announce,
        ...more,
      }) as unknown as Store,
  );
  return { store, announce };
}

beforeEach(() => worker.mockReset());

describe('rows', () => {
  it('come back to where they were, whatever was taken out', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 12 }), fc.func(fc.boolean()), (ids, out) => {
        const drafts = ids.map((id) => draft(id));
        const { drafts: left, removed } = withoutRows(drafts, new Set(ids.filter((id) => out(id))));
        expect(left.length + removed.length).toBe(drafts.length);
        expect(withRowsBack(left, removed)).toEqual(drafts);
      }),
    );
  });

  it('that were taken out come back at the end of a list that became shorter', () => {
    const { removed } = withoutRows(letters('abcd'), new Set(['d']));
    expect(idsOf(withRowsBack(letters('a'), removed))).toBe('ad');
  });

  it.each([
    ['abcd', 'c', -1, 'acbd'],
    ['abcd', 'a', -1, 'abcd'],
    ['abcd', 'ab', -1, 'abcd'],
    ['abcd', 'bd', -1, 'badc'],
    ['abcd', 'ac', 1, 'badc'],
    ['abcd', 'd', 1, 'abcd'],
    ['abcd', 'ab', 1, 'cabd'],
  ] as const)('%s with %s moved by %i are %s', (before, moved, by, after) => {
    expect(idsOf(withRowsMoved(letters(before), new Set(moved), by))).toBe(after);
  });

  it('are removed together, told, and brought back by one step', () => {
    const { store, announce } = listed(letters('abc'));
    store.getState().chooseRows(['a', 'c'], true);
    store.getState().removeRows(['a', 'c']);
    expect(idsOf(store.getState().drafts)).toBe('b');
    expect(store.getState().chosenRows.size).toBe(0);
    expect(announce).toHaveBeenLastCalledWith('2 edits removed. Undo brings them back.');
    store.getState().removeRows(['b']);
    store.getState().undoRemoval();
    store.getState().undoRemoval();
    expect(idsOf(store.getState().drafts)).toBe('abc');
    expect(store.getState().removals).toEqual([]);
  });

  it('of a file go after those that are filled in, with what was told of them', async () => {
    worker.mockResolvedValue({ drafts: letters('xy'), notes: ['Record 3: left out'] });
    const blank = { ...draft(''), object: '' };
    const { store } = listed([draft('a'), { ...blank, id: 'blank' }]);
    await expect(store.getState().addRowsOfFile('edits.json', '[]')).resolves.toEqual({
      added: 2,
      notes: ['Record 3: left out'],
    });
    expect(store.getState().drafts.map(({ subject }) => subject.trim())).toEqual(['a', 'x', 'y']);
  });
});

describe('what came of a row', () => {
  const edit = { subject: 'a', prompt: '{} is in', object: 'Rome', trueObject: null };
  const patches = [
    { id: '1', name: 'first', enabled: true, edits: [{ ...edit, status: 'missed', reason: 'λ is large.' }] },
    { id: '2', name: 'second', enabled: false, edits: [{ ...edit, status: 'took', reason: '' }] },
  ];

  it('is what the latest patch with that edit says', () => {
    const { store } = listed(letters('ab'), { history: { patches } as unknown as Store['history'] });
    expect(outcomeOf(store.getState(), draft('a'))).toEqual({
      status: 'took',
      reason: '',
      patch: 'second',
      enabled: false,
    });
    expect(outcomeOf(store.getState(), draft('a', 'Paris'))).toBeNull();
    expect(outcomeOf(store.getState(), { ...draft('a'), relationId: 'P1' })).toBeNull();
  });

  it('and its words are what rows are looked for by', () => {
    const { store } = listed([draft('a'), draft('b', 'Oslo'), { ...draft('c'), relationId: 'P1' }], {
      history: { patches } as unknown as Store['history'],
      rowWarnings: { b: 'Edit 1 is the same.' },
    });
    const shown = (filter: Parameters<Store['filterRows']>[0]): string => {
      store.getState().filterRows({ text: '', state: 'all', ...filter });
      return shownRows(store.getState());
    };
    expect(shown({})).toBe('1 a\n2 b\n3 c');
    expect(shown({ text: 'OSLO' })).toBe('2 b');
    expect(shown({ text: 'lies' })).toBe('3 c');
    expect(shown({ state: 'took' })).toBe('1 a');
    expect(shown({ state: 'fresh' })).toBe('2 b\n3 c');
    expect(shown({ state: 'fault' })).toBe('2 b');
    expect(shown({ state: 'missed' })).toBe('');
  });
});

it('a file of edits has the prompt of each row’s relation', () => {
  const { store } = listed([]);
  const { relations } = store.getState().model!;
  const drafts = [draft('a'), { ...draft('c', ' Oslo '), relationId: 'P1' }];
  expect(requestsJson(drafts, relations)).toEqual([
    { case_id: 0, prompt: '{} is in', subject: 'a', target_new: { str: 'Rome' } },
    { case_id: 1, prompt: '{} lies in', subject: 'c', target_new: { str: 'Oslo' }, relation_id: 'P1' },
  ]);
  expect(requestsTable(drafts, relations).rows).toEqual([
    ['a', '{} is in', 'Rome', ''],
    ['c', '{} lies in', 'Oslo', 'P1'],
  ]);
});
