/** What the page itself remembers in localStorage. Storage may be full, blocked or hold anything: never an error. */
import type { EditDraft } from '../../worker/api.ts';
import type { SettingsText } from './settings.ts';

export type Theme = 'light' | 'dark' | 'system';

function read(key: string): unknown {
  try {
    const text = localStorage.getItem(key);
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

function write(key: string, value: unknown): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Private windows and full storage: the page works on without it.
  }
}

function isDraft(value: unknown): value is EditDraft {
  if (typeof value !== 'object' || value === null) return false;
  const draft = value as Record<string, unknown>;
  return (
    ['id', 'subject', 'prompt', 'object'].every((field) => typeof draft[field] === 'string') &&
    (draft.relationId === null || typeof draft.relationId === 'string')
  );
}

export function readTheme(): Theme {
  const theme = read('memit.theme');
  return theme === 'light' || theme === 'dark' ? theme : 'system';
}

export function writeTheme(theme: Theme): void {
  write('memit.theme', theme);
}

/** The drafts kept for a model, or null when there are none that can be used. */
export function readDrafts(modelHash: string): EditDraft[] | null {
  const drafts = read(`memit.drafts.${modelHash}`);
  return Array.isArray(drafts) && drafts.every(isDraft) ? drafts : null;
}

export function writeDrafts(modelHash: string, drafts: EditDraft[]): void {
  write(`memit.drafts.${modelHash}`, drafts);
}

export function readSettings(modelHash: string, preset: SettingsText): SettingsText {
  const kept = read(`memit.settings.${modelHash}`);
  if (typeof kept !== 'object' || kept === null) return preset;
  const known = Object.entries(kept).filter(([name, value]) => name in preset && typeof value === 'string');
  return { ...preset, ...(Object.fromEntries(known) as Partial<SettingsText>) };
}

export function writeSettings(modelHash: string, settings: SettingsText): void {
  write(`memit.settings.${modelHash}`, settings);
}
