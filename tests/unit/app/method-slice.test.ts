/** The chosen method and its settings in the store, and what of them is kept in the browser. */
import { createStore } from 'zustand/vanilla';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { MethodView } from '../../../src/worker/api.ts';
import type { Store } from '../../../src/app/store/index.ts';
import {
  chosenLayersText,
  chosenMethod,
  chosenSettingsText,
  createMethodSlice,
  hasSeveralMethods,
  methodOf,
  parsedSettings,
  runLabel,
  settingsFault,
} from '../../../src/app/store/method.ts';
import { settingsToText } from '../../../src/app/store/settings.ts';
import { fakeStorage, MEMIT, MEMIT_SETTINGS, modelWith, NUDGE } from './fixtures/methods.ts';

/** The slice with a model that was just opened. */
function opened(methods: MethodView[], hash?: string) {
  const model = modelWith(methods, hash);
  const store = createStore<Store>()((...args) => ({ ...createMethodSlice(...args), model }) as unknown as Store);
  store.getState().resetMethod(model);
  return store;
}

beforeEach(() => {
  vi.stubGlobal('localStorage', fakeStorage());
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe('the method of the next run', () => {
  it('is the first at its preset, until another is chosen', () => {
    const store = opened([MEMIT, NUDGE]);
    expect(store.getState().methodId).toBe('memit');
    expect(parsedSettings(store.getState())).toEqual({ settings: MEMIT_SETTINGS, faults: {} });
    expect(runLabel(store.getState())).toBe('Run MEMIT');
    store.getState().chooseMethod('nudge');
    expect(chosenMethod(store.getState())).toBe(NUDGE);
    expect(parsedSettings(store.getState())?.settings).toEqual({ force: 1.5, places: [0] });
    expect(chosenLayersText(store.getState())).toBe('0');
    expect(runLabel(store.getState())).toBe('Run Nudge');
  });

  it('cannot be one that the model does not have', () => {
    const store = opened([MEMIT]);
    store.getState().chooseMethod('nudge');
    expect(store.getState().methodId).toBe('memit');
    expect(methodOf(store.getState(), 'nudge')).toBeNull();
    expect(hasSeveralMethods(store.getState())).toBe(false);
    expect(hasSeveralMethods(opened([MEMIT, NUDGE]).getState())).toBe(true);
  });

  it('is none before there is a model', () => {
    const store = createStore<Store>()(
      (...args) => ({ ...createMethodSlice(...args), model: null }) as unknown as Store,
    );
    expect(chosenMethod(store.getState())).toBeNull();
    expect(chosenSettingsText(store.getState())).toBeNull();
    expect(parsedSettings(store.getState())).toBeNull();
    expect(settingsFault(store.getState())).toBeNull();
    expect(runLabel(store.getState())).toBe('Run');
  });

  it('may have no setting for layers', () => {
    const bare = { ...NUDGE, fields: NUDGE.fields.slice(0, 1) };
    expect(chosenLayersText(opened([bare]).getState())).toBeNull();
  });
});

describe('what is typed', () => {
  it('is judged by the chosen method’s fields and is there again when the method is', () => {
    const store = opened([MEMIT, NUDGE]);
    store.getState().setSetting('steps', '0');
    expect(settingsFault(store.getState())).toBe('Must be at least 1.');
    store.getState().chooseMethod('nudge');
    expect(settingsFault(store.getState())).toBeNull();
    store.getState().setSetting('force', '9');
    expect(settingsFault(store.getState())).toBe('Must be at most 2.');
    store.getState().chooseMethod('memit');
    expect(chosenSettingsText(store.getState())?.steps).toBe('0');
    store.getState().resetSettings();
    expect(parsedSettings(store.getState())?.settings).toEqual(MEMIT_SETTINGS);
    store.getState().chooseMethod('nudge');
    expect(chosenSettingsText(store.getState())?.force).toBe('9');
  });

  it('is kept for the model with the choice, and for no other model', () => {
    const store = opened([MEMIT, NUDGE]);
    store.getState().setSetting('seed', '99');
    store.getState().chooseMethod('nudge');
    store.getState().setSetting('force', '0.25');
    const again = opened([MEMIT, NUDGE]).getState();
    expect(again.methodId).toBe('nudge');
    expect(again.settingsTexts).toEqual({
      memit: { ...settingsToText(MEMIT.fields, MEMIT_SETTINGS), seed: '99' },
      nudge: { force: '0.25', places: '0' },
    });
    expect(opened([MEMIT, NUDGE], 'sha256:bb').getState().methodId).toBe('memit');
  });

  it('stays in the page where storage is full', () => {
    vi.stubGlobal('localStorage', fakeStorage({}, { full: true }));
    const store = opened([MEMIT]);
    store.getState().setSetting('seed', '99');
    expect(parsedSettings(store.getState())?.settings?.seed).toBe(99);
  });
});

describe('what is read from storage', () => {
  const preset = settingsToText(MEMIT.fields, MEMIT_SETTINGS);

  it('may be of the page before there were methods: MEMIT’s settings alone', () => {
    vi.stubGlobal('localStorage', fakeStorage({ 'memit.settings.sha256:aa': { ...preset, steps: '5', layers: '4' } }));
    const { methodId, settingsTexts } = opened([NUDGE, MEMIT]).getState();
    expect(methodId).toBe('nudge');
    expect(settingsTexts.memit).toEqual({ ...preset, steps: '5', layers: '4' });
    expect(settingsTexts.nudge).toEqual({ force: '1.5', places: '0' });
  });

  it.each([
    ['a method and fields that are gone', { methodId: 'gone', settingsTexts: { gone: { a: '1' }, memit: { b: '2' } } }],
    ['values of other kinds', { methodId: 7, settingsTexts: { memit: { steps: 5, layers: null }, nudge: 'x' } }],
    ['a list', [1, 2]],
    ['nothing', null],
  ])('is left where it does not fit: %s', (_, kept) => {
    vi.stubGlobal('localStorage', fakeStorage({ 'memit.settings.sha256:aa': kept }));
    const { methodId, settingsTexts } = opened([MEMIT]).getState();
    expect(methodId).toBe('memit');
    expect(settingsTexts).toEqual({ memit: preset });
  });
});
