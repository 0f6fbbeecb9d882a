/** Settings of patches and reports in words: by their method's fields where it is known, else by their own names. Pure. */
import type { MethodSettings, MethodView, SettingField } from '../worker/api.ts';
import { midSentence } from './format.ts';
import { settingToText } from './store/settings.ts';

interface ShownSetting {
  /** As it stands inside a sentence. */
  label: string;
  text: string;
  /** Null where the method is not known. */
  kind: SettingField['kind'] | null;
}

/** In the order of the fields. */
export function shownSettings(method: MethodView | null, settings: MethodSettings): ShownSetting[] {
  const fields = method?.fields ?? Object.keys(settings).map((name) => ({ name, label: name, kind: null }));
  return fields.map(({ name, label, kind }) => ({
    label: midSentence(label),
    text: settingToText(settings[name]),
    kind,
  }));
}

function words(settings: readonly ShownSetting[]): string {
  return settings.map(({ label, text }) => `${label} ${text}`).join(', ');
}

/** What a patch's card and a list of reports have room for: the layers and what goes by a mere symbol, as λ does, or whatever there is of a method that is not known. */
export function briefWords(method: MethodView | null, settings: MethodSettings): string {
  const brief = shownSettings(method, settings).filter(
    ({ kind, label }) => kind === null || kind === 'layers' || [...label].length === 1,
  );
  return words(brief);
}
