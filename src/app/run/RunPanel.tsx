/** Settings, the Run button, and the run as it goes. */
import { lazy, Suspense, useEffect, useRef } from 'react';
import { ErrorBoundary } from '../shared/ErrorBoundary.tsx';
import { Empty } from '../shared/Empty.tsx';
import panel from '../shared/Panel.module.css';
import { Term } from '../shared/Tip.tsx';
import { useStore } from '../store/index.ts';
import { chosenMethod } from '../store/method.ts';
import { MechanismCard } from './mechanism/MechanismCard.tsx';
import { Phases } from './Phases.tsx';
import { RunBar } from './RunBar.tsx';
import styles from './RunPanel.module.css';
import { RunOutcome } from './RunOutcome.tsx';
import { SettingsForm } from './SettingsForm.tsx';
import { useShownRun } from './shown-run.ts';
import { StatisticsNote } from './StatisticsNote.tsx';

// The chart library is most of the page's code and is needed by nothing before it.
const loadLossChart = () => import('./LossChart.tsx').then((module) => ({ default: module.LossChart }));
const loadLayerCharts = () => import('./LayerCharts.tsx').then((module) => ({ default: module.LayerCharts }));
const LossChart = lazy(loadLossChart);
const LayerCharts = lazy(loadLayerCharts);

export function RunPanel() {
  const model = useStore((state) => state.model);
  const method = useStore((state) => chosenMethod(state)?.label ?? 'a run');
  const shown = useShownRun();
  const running = useStore((state) => state.run?.status === 'running');
  const progress = useRef<HTMLElement>(null);
  // A chart that cannot be fetched now is fetched when it is shown, and its failure is told there.
  useEffect(() => {
    if (model) Promise.all([loadLossChart(), loadLayerCharts()]).catch(() => undefined);
  }, [model]);
  // Where the settings fill the screen, a run that starts brings its progress into view.
  useEffect(() => {
    if (running) progress.current?.scrollIntoView({ block: 'nearest' });
  }, [running]);
  return (
    <div className={panel.stack}>
      <section className={panel.card} aria-label="Start a run">
        <RunBar />
        {model ? <SettingsForm model={model} /> : <div className={styles.formSpace} />}
        <StatisticsNote />
      </section>
      <section ref={progress} className={panel.card} aria-label="Progress">
        <RunOutcome />
        <Phases />
      </section>
      <ErrorBoundary part="The picture">
        <MechanismCard />
      </ErrorBoundary>
      <section className={panel.card} aria-label="Loss">
        <div className={panel.head}>
          <h2>
            Search for <Term name="z (target state)">z</Term>
          </h2>
          {shown?.fromPatch != null && <span className={panel.small}>from {shown.fromPatch.name}</span>}
        </div>
        <div className={styles.lossSpace}>
          {shown ? (
            <ErrorBoundary part="The chart">
              <Suspense fallback={null}>
                <LossChart run={shown.run} />
              </Suspense>
            </ErrorBoundary>
          ) : (
            <Empty title="Nothing has run yet">
              <p>
                While {method} seeks the hidden state that makes the model say the new object, the loss of every edit is
                drawn here, step by step.
              </p>
            </Empty>
          )}
        </div>
      </section>
      <section className={panel.card} aria-label="Weights changed">
        <h2>Change of the layers</h2>
        <div className={styles.layerSpace}>
          {shown ? (
            <ErrorBoundary part="The chart">
              <Suspense fallback={null}>
                <LayerCharts run={shown.run} />
              </Suspense>
            </ErrorBoundary>
          ) : (
            <Empty title="No weights changed yet">
              <p>Then each layer’s change and how far the states still are from z appear here, layer by layer.</p>
            </Empty>
          )}
        </div>
      </section>
    </div>
  );
}
