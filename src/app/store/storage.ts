/** What the page itself remembers in localStorage. Storage may be full, blocked or hold anything: never an error. */
import type { EditDraft } from '../../worker/api.ts';
import type { SettingsText } from './settings.ts';

export type Theme = 'light' | 'dark' | 'system';

/** What is kept of a model, each under the model's hash. */
const KINDS = ['drafts', 'settings'] as const;
type Kind = (typeof KINDS)[number];

/** Ends the key of what could not be read. */
const UNREADABLE = ' (unreadable)';

function keyOf(kind: Kind, modelHash: string): string {
  return `memit.${kind}.${modelHash}`;
}

/** A key of versions of the page that knew models by 64 hex digits alone. */
const FORMER_KEY = /^memit\.(?:drafts|settings)\.[\da-f]{64}$/;

/** The only method of versions of the page that kept its settings without a method's name. */
const FORMER_METHOD = 'memit';

function read(key: string): unknown {
  try {
    const text = localStorage.getItem(key);
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

/** Whether there was room: the page works on without it in private windows and with a full storage. */
function write(key: string, value: unknown): boolean {
  try {
    localStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

/** Tells what another tab stored of a model, which this one is to show as well. */
export function onStoredElsewhere(listener: (kind: Kind, modelHash: string) => void): void {
  if (typeof window === 'undefined') return;
  window.addEventListener('storage', ({ key, newValue }) => {
    if (key === null || newValue === null) return;
    const kind = KINDS.find((each) => key.startsWith(keyOf(each, '')) && !key.endsWith(UNREADABLE));
    if (kind) listener(kind, key.slice(keyOf(kind, '').length));
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isDraft(value: unknown): value is EditDraft {
  return (
    isObject(value) &&
    ['id', 'subject', 'prompt', 'object'].every((field) => typeof value[field] === 'string') &&
    (value.relationId === null || typeof value.relationId === 'string')
  );
}

export function readTheme(): Theme {
  const theme = read('memit.theme');
  return theme === 'light' || theme === 'dark' ? theme : 'system';
}

export function writeTheme(theme: Theme): void {
  write('memit.theme', theme);
}

/** Whether the tour of a first visit was seen, or skipped. */
export function readTourSeen(): boolean {
  return read('memit.tour') === 'seen';
}

export function writeTourSeen(): void {
  write('memit.tour', 'seen');
}

export interface KeptDrafts {
  drafts: EditDraft[];
  /** Rows that are none. */
  unreadable: number;
}

/** The drafts kept for a model, or null when there are none. What cannot be read of them is kept beside what will be written in its place. */
export function readDrafts(modelHash: string): KeptDrafts | null {
  const key = keyOf('drafts', modelHash);
  const kept = read(key);
  if (kept === null) return null;
  const rows: unknown[] = Array.isArray(kept) ? kept : [kept];
  const drafts = rows.filter(isDraft);
  const unreadable = rows.length - drafts.length;
  if (unreadable > 0) write(key + UNREADABLE, kept);
  return { drafts, unreadable };
}

/** Whether they are kept. */
export function writeDrafts(modelHash: string, drafts: EditDraft[]): boolean {
  return write(keyOf('drafts', modelHash), drafts);
}

/** The chosen method and what was typed for each, by its id. */
export interface KeptMethods {
  methodId: string | null;
  settingsTexts: Partial<Record<string, SettingsText>>;
}

function textsIn(value: unknown): SettingsText {
  const entries = isObject(value) ? Object.entries(value) : [];
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

/** What is kept for a model; whether it has such methods and settings is for the caller to see. */
export function readMethods(modelHash: string): KeptMethods {
  const kept = read(keyOf('settings', modelHash));
  if (!isObject(kept)) return { methodId: null, settingsTexts: {} };
  const { methodId, settingsTexts } = kept;
  // Without methods: the settings of the only one there was.
  if (!isObject(settingsTexts)) return { methodId: null, settingsTexts: { [FORMER_METHOD]: textsIn(kept) } };
  return {
    methodId: typeof methodId === 'string' ? methodId : null,
    settingsTexts: Object.fromEntries(Object.entries(settingsTexts).map(([id, text]) => [id, textsIn(text)])),
  };
}

export function writeMethods(modelHash: string, methods: KeptMethods): void {
  write(keyOf('settings', modelHash), methods);
}

/** Whether a model's drafts and settings may still lie under a former hash: there are none under its own, but some under such a hash. */
export function mayHaveFormer(modelHash: string): boolean {
  try {
    if (KINDS.some((kind) => localStorage.getItem(keyOf(kind, modelHash)) !== null)) return false;
    return Array.from({ length: localStorage.length }, (_, i) => localStorage.key(i) ?? '').some((key) =>
      FORMER_KEY.test(key),
    );
  } catch {
    return false;
  }
}

/** Moves a model's drafts and settings from its former hash to its present one. */
export function moveFormer(formerHash: string, modelHash: string): void {
  try {
    for (const kind of KINDS) {
      const text = localStorage.getItem(keyOf(kind, formerHash));
      if (text === null) continue;
      localStorage.setItem(keyOf(kind, modelHash), text);
      localStorage.removeItem(keyOf(kind, formerHash));
    }
  } catch {
    // What could not be moved stays where it is.
  }
}
