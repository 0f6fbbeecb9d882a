/** What is shown, apart from any model: theme, tabs, dialogs, and what a screen reader is told. */
import { readTheme, writeTheme, type Theme } from './storage.ts';
import type { Slice } from './index.ts';

export type WorkTab = 'trace' | 'lens' | 'run' | 'result' | 'benchmark';
export type Column = 'edits' | 'work' | 'history';

export interface ViewSlice {
  theme: Theme;
  workTab: WorkTab;
  /** The column shown where only one fits. */
  column: Column;
  helpOpen: boolean;
  /** Read out politely. */
  announcement: string;
  setTheme(theme: Theme): void;
  showWork(tab: WorkTab): void;
  showColumn(column: Column): void;
  setHelpOpen(open: boolean): void;
  announce(text: string): void;
}

export const createViewSlice: Slice<ViewSlice> = (set, get) => ({
  theme: readTheme(),
  workTab: 'run',
  column: 'edits',
  helpOpen: false,
  announcement: '',
  setTheme(theme) {
    writeTheme(theme);
    set({ theme });
  },
  showWork(workTab) {
    set({ workTab, column: 'work' });
    if (workTab === 'result') get().refreshComparison();
  },
  showColumn(column) {
    set({ column });
  },
  setHelpOpen(helpOpen) {
    set({ helpOpen });
  },
  announce(announcement) {
    set({ announcement });
  },
});
