/** The middle column: the trace, the lens, the run, its result and benchmarks, as tabs. */
import { Tabs } from 'radix-ui';
import { useEffect, useRef } from 'react';
import { BenchmarkPanel } from './benchmark/BenchmarkPanel.tsx';
import { LensPanel } from './lens/LensPanel.tsx';
import { ResultPanel } from './result/ResultPanel.tsx';
import { RunPanel } from './run/RunPanel.tsx';
import { ErrorBoundary } from './shared/ErrorBoundary.tsx';
import { useStore } from './store/index.ts';
import type { WorkTab } from './store/view.ts';
import { TracePanel } from './trace/TracePanel.tsx';
import styles from './WorkPanel.module.css';

export function WorkPanel() {
  const workTab = useStore((state) => state.workTab);
  const showWork = useStore((state) => state.showWork);
  const top = useRef<HTMLDivElement>(null);
  // Another tab is read from its beginning.
  useEffect(() => {
    top.current?.scrollIntoView({ block: 'nearest' });
  }, [workTab]);
  return (
    <Tabs.Root value={workTab} onValueChange={(value) => showWork(value as WorkTab)}>
      <Tabs.List ref={top} className={styles.list} aria-label="Work">
        <Tabs.Trigger value="trace" className={styles.tab}>
          Trace
        </Tabs.Trigger>
        <Tabs.Trigger value="lens" className={styles.tab}>
          Lens
        </Tabs.Trigger>
        <Tabs.Trigger value="run" className={styles.tab}>
          Run
        </Tabs.Trigger>
        <Tabs.Trigger value="result" className={styles.tab}>
          Result
        </Tabs.Trigger>
        <Tabs.Trigger value="benchmark" className={styles.tab}>
          Benchmark
        </Tabs.Trigger>
      </Tabs.List>
      <Tabs.Content value="trace" className={styles.content} tabIndex={-1}>
        <ErrorBoundary part="The trace">
          <TracePanel />
        </ErrorBoundary>
      </Tabs.Content>
      <Tabs.Content value="lens" className={styles.content} tabIndex={-1}>
        <ErrorBoundary part="The lens">
          <LensPanel />
        </ErrorBoundary>
      </Tabs.Content>
      <Tabs.Content value="run" className={styles.content} tabIndex={-1}>
        <RunPanel />
      </Tabs.Content>
      <Tabs.Content value="result" className={styles.content} tabIndex={-1}>
        <ResultPanel />
      </Tabs.Content>
      <Tabs.Content value="benchmark" className={styles.content} tabIndex={-1}>
        <ErrorBoundary part="The benchmark">
          <BenchmarkPanel />
        </ErrorBoundary>
      </Tabs.Content>
    </Tabs.Root>
  );
}
