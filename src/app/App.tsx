/** The workspace: header, then edits, work and history, side by side where there is room and as tabs where not. */
import { Tabs, Tooltip } from 'radix-ui';
import { useEffect, type ReactNode } from 'react';
import styles from './App.module.css';
import { EditsPanel } from './edits/EditsPanel.tsx';
import { Header } from './header/Header.tsx';
import { HistoryPanel } from './history/HistoryPanel.tsx';
import { DropZone } from './models/DropZone.tsx';
import { ErrorBoundary } from './shared/ErrorBoundary.tsx';
import { useMedia } from './shared/use-media.ts';
import { useStore } from './store/index.ts';
import { TOUR } from './store/tour.ts';
import type { Column } from './store/view.ts';
import { useShortcuts } from './use-shortcuts.ts';
import { WorkPanel } from './WorkPanel.tsx';

const columns: { id: Column; title: string; part: string; content: ReactNode }[] = [
  { id: 'edits', title: 'Edits', part: 'The list of edits', content: <EditsPanel /> },
  { id: 'work', title: 'Work', part: 'The run and its result', content: <WorkPanel /> },
  { id: 'history', title: 'History', part: 'The history', content: <HistoryPanel /> },
];

function SideBySide() {
  return (
    <main className={styles.columns}>
      {columns.map(({ id, title, part, content }) => (
        <section key={id} className={styles.column} aria-label={title} data-column={id}>
          <ErrorBoundary part={part}>{content}</ErrorBoundary>
        </section>
      ))}
    </main>
  );
}

function AsTabs() {
  const column = useStore((state) => state.column);
  const showColumn = useStore((state) => state.showColumn);
  return (
    <Tabs.Root className={styles.tabbed} value={column} onValueChange={(value) => showColumn(value as Column)}>
      <Tabs.List className={styles.tabList} aria-label="Columns">
        {columns.map(({ id, title }) => (
          <Tabs.Trigger key={id} value={id} className={styles.tab}>
            {title}
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      <main>
        {columns.map(({ id, part, content }) => (
          <Tabs.Content key={id} value={id} className={styles.column} tabIndex={-1}>
            <ErrorBoundary part={part}>{content}</ErrorBoundary>
          </Tabs.Content>
        ))}
      </main>
    </Tabs.Root>
  );
}

/** Past the header and the list of edits, which thousands of rows may make long. */
function skipToWork(): void {
  useStore.getState().showColumn('work');
  document.querySelector<HTMLElement>('[role="tablist"][aria-label="Work"] [aria-selected="true"]')?.focus();
}

export function App() {
  const theme = useStore((state) => state.theme);
  const announcement = useStore((state) => state.announcement);
  const tourColumn = useStore(({ tourStop }) => (tourStop === null ? null : TOUR[tourStop].column));
  const narrow = useMedia('(max-width: 899px)');
  useShortcuts();
  useEffect(() => {
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }, [theme]);
  return (
    <Tooltip.Provider>
      <div className={styles.app} data-tour={tourColumn ?? undefined}>
        <button type="button" className={styles.skip} onClick={skipToWork}>
          Skip to the work
        </button>
        <Header />
        <DropZone />
        {narrow ? <AsTabs /> : <SideBySide />}
        <div className="visually-hidden" aria-live="polite">
          {announcement}
        </div>
      </div>
    </Tooltip.Provider>
  );
}
