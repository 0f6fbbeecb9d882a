/** The editing method of the next run, and its settings as they are typed. */
import type { MethodView, ModelSummary } from '../../worker/api.ts';
import {
  layersField,
  layersIn,
  parseSettings,
  settingsToText,
  type ParsedSettings,
  type SettingsText,
} from './settings.ts';
import { readMethods, writeMethods } from './storage.ts';
import type { Slice, Store } from './index.ts';

export interface MethodSlice {
  /** Id of the chosen method; null before there is a model. */
  methodId: string | null;
  /** Of every method of the model, by its id: what was typed for one is there again when it is chosen again. */
  settingsTexts: Partial<Record<string, SettingsText>>;
  /** For another model: what was chosen and typed for it last, else its first method and the presets. */
  resetMethod(model: ModelSummary): void;
  chooseMethod(id: string): void;
  /** Of the chosen method. */
  setSetting(name: string, text: string): void;
  /** Puts a layer among those of the next run, or takes it out. */
  toggleLayer(layer: number): void;
  /** Those of the chosen method, to its preset. */
  resetSettings(): void;
}

type Chosen = Pick<Store, 'model' | 'methodId'>;
type ChosenSettings = Pick<Store, 'model' | 'methodId' | 'settingsTexts'>;

/** Null for a method that the worker does not have: a patch may come from a version that had it. */
export function methodOf({ model }: Pick<Store, 'model'>, id: string | null): MethodView | null {
  return model?.methods.find((method) => method.id === id) ?? null;
}

export function chosenMethod(state: Chosen): MethodView | null {
  return methodOf(state, state.methodId);
}

/** Whether there is a choice: only then is a method named where it would go without saying. */
export function hasSeveralMethods({ model }: Pick<Store, 'model'>): boolean {
  return (model?.methods.length ?? 0) > 1;
}

/** What starts a run is called: "Run MEMIT". */
export function runLabel(state: Chosen): string {
  const method = chosenMethod(state);
  return method ? `Run ${method.label}` : 'Run';
}

export function chosenSettingsText({
  methodId,
  settingsTexts,
}: Pick<Store, 'methodId' | 'settingsTexts'>): SettingsText | null {
  return (methodId === null ? undefined : settingsTexts[methodId]) ?? null;
}

/** The layers of the next run, as typed; null where its method asks for none. */
export function chosenLayersText(state: ChosenSettings): string | null {
  const field = layersField(chosenMethod(state)?.fields ?? []);
  return (field && chosenSettingsText(state)?.[field.name]) ?? null;
}

/** Null before there is a model. */
export function parsedSettings(state: ChosenSettings): ParsedSettings | null {
  const method = chosenMethod(state);
  const text = chosenSettingsText(state);
  return state.model && method && text && parseSettings(method.fields, text, state.model.layerCount);
}

/** The first fault among the settings, in words, or null. */
export function settingsFault(state: ChosenSettings): string | null {
  return Object.values(parsedSettings(state)?.faults ?? {}).at(0) ?? null;
}

export const createMethodSlice: Slice<MethodSlice> = (set, get) => {
  function change(part: Partial<Pick<MethodSlice, 'methodId' | 'settingsTexts'>>): void {
    set(part);
    const { model, methodId, settingsTexts } = get();
    if (model) writeMethods(model.hash, { methodId, settingsTexts });
  }

  function setText(text: SettingsText): void {
    const { methodId, settingsTexts } = get();
    if (methodId !== null) change({ settingsTexts: { ...settingsTexts, [methodId]: text } });
  }

  return {
    methodId: null,
    settingsTexts: {},

    resetMethod({ hash, methods }) {
      const kept = readMethods(hash);
      const texts = methods.map(({ id, fields, preset }): [string, SettingsText] => {
        const text = Object.entries(settingsToText(fields, preset));
        return [id, Object.fromEntries(text.map(([name, value]) => [name, kept.settingsTexts[id]?.[name] ?? value]))];
      });
      const { id } = methods.find((method) => method.id === kept.methodId) ?? methods[0];
      set({ methodId: id, settingsTexts: Object.fromEntries(texts) });
    },
    chooseMethod(id) {
      if (methodOf(get(), id)) change({ methodId: id });
    },
    setSetting(name, text) {
      setText({ ...chosenSettingsText(get()), [name]: text });
    },
    toggleLayer(layer) {
      const { model } = get();
      const field = layersField(chosenMethod(get())?.fields ?? []);
      if (!model || !field) return;
      const chosen = layersIn(chosenLayersText(get()) ?? '', model.layerCount);
      const next = chosen.includes(layer) ? chosen.filter((other) => other !== layer) : [...chosen, layer];
      get().setSetting(field.name, next.sort((a, b) => a - b).join(', '));
    },
    resetSettings() {
      const method = chosenMethod(get());
      if (method) setText(settingsToText(method.fields, method.preset));
    },
  };
};
