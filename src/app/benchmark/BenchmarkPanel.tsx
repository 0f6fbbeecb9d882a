/** Many records at once: did the edits work, do they generalise, what did they break? */
import { lazy, Suspense } from 'react';
import { Empty } from '../shared/Empty.tsx';
import { ErrorBoundary } from '../shared/ErrorBoundary.tsx';
import panel from '../shared/Panel.module.css';
import { besideReport, shownReport } from '../store/benchmark.ts';
import { useStore } from '../store/index.ts';
import { BenchmarkBar } from './BenchmarkBar.tsx';
import { BenchmarkOptions } from './BenchmarkOptions.tsx';
import { CaseTable } from './CaseTable.tsx';
import { ColumnsDialog } from './ColumnsDialog.tsx';
import { CompareCard } from './CompareCard.tsx';
import { DamageCard } from './DamageCard.tsx';
import { MetricsCard } from './MetricsCard.tsx';
import { RecordsCard } from './RecordsCard.tsx';
import { ReportBar } from './ReportBar.tsx';
import { SweepCard } from './SweepCard.tsx';
import styles from './MarginChart.module.css';

// The chart library is loaded when there is something to draw.
const MarginChart = lazy(() => import('./MarginChart.tsx').then((module) => ({ default: module.MarginChart })));

export function BenchmarkPanel() {
  const shown = useStore(shownReport);
  const beside = useStore(besideReport);
  return (
    <div className={panel.stack}>
      <section className={panel.card} aria-label="Start a benchmark">
        <RecordsCard />
        <BenchmarkOptions />
        <BenchmarkBar />
      </section>
      <ColumnsDialog />
      <ReportBar />
      {shown ? (
        <>
          <MetricsCard report={shown.report} />
          {beside && <CompareCard first={beside} second={shown} />}
          <section className={panel.card} aria-label="Margins">
            <ErrorBoundary part="The chart">
              <Suspense fallback={<div className={styles.space} />}>
                <MarginChart report={shown.report} />
              </Suspense>
            </ErrorBoundary>
          </section>
          <CaseTable key={shown.number} report={shown.report} beside={beside?.report ?? null} />
        </>
      ) : (
        <Empty title="Nothing measured yet">
          <p>
            Take facts that the model knows, or records of your own, write all their new objects in one run, and see how
            many edits took, whether paraphrases follow, and whether neighbours keep their answers.
          </p>
        </Empty>
      )}
      <DamageCard />
      <SweepCard />
    </div>
  );
}
