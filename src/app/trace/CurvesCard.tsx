/** The effect by layer: of the traced prompt, or averaged over facts the model knows. */
import { lazy, Suspense, useEffect } from 'react';
import { Empty } from '../shared/Empty.tsx';
import { ErrorBoundary } from '../shared/ErrorBoundary.tsx';
import panel from '../shared/Panel.module.css';
import { Segments } from '../shared/Segments.tsx';
import { TableDetails } from '../shared/TableDetails.tsx';
import { Term } from '../shared/Tip.tsx';
import { useStore } from '../store/index.ts';
import { bandOf, curveSourceOf, type CurveChoice } from '../store/trace.ts';
import { AverageBar } from './AverageBar.tsx';
import styles from './CurvesCard.module.css';
import { averageCurves, curveChoices, promptCurves } from './effects.ts';
import { kindNames } from './names.ts';
import { curveTable } from './trace-tables.ts';

// The chart library is most of the page's code and is needed by nothing before it.
const loadChart = () => import('./CurveChart.tsx').then((module) => ({ default: module.CurveChart }));
const CurveChart = lazy(loadChart);

const choiceNames: Record<CurveChoice, string> = { ...kindNames, severed: 'Severed' };

export function CurvesCard() {
  const model = useStore((state) => state.model);
  const source = useStore(curveSourceOf);
  // A chart that cannot be fetched now is fetched when it is shown, and its failure is told there.
  useEffect(() => {
    if (model) loadChart().catch(() => undefined);
  }, [model]);
  return (
    <section className={panel.card} aria-label="Effect by layer">
      <h2>
        <Term name="indirect effect">Effect</Term> by layer
      </h2>
      <div className={styles.space}>
        {source ? (
          <Curves source={source} />
        ) : (
          <div className={styles.emptySpace}>
            <Empty title="Nothing is traced yet">
              <p>
                The rows of the heat map are drawn here as curves over the layers. Early layers matter at the subject’s
                last token, late ones at the end of the prompt: the first are where facts are looked up.
              </p>
            </Empty>
          </div>
        )}
      </div>
      <AverageBar />
    </section>
  );
}

function Curves({ source }: { source: 'prompt' | 'average' }) {
  const view = useStore((state) => state.traced?.view ?? null);
  const average = useStore((state) => state.averageTrace);
  const wanted = useStore((state) => state.shownCurves);
  const showCurves = useStore((state) => state.showCurves);
  const showSource = useStore((state) => state.showCurveSource);
  const layerCount = useStore((state) => state.model?.layerCount ?? 0);
  const first = useStore((state) => bandOf(state)?.first ?? null);
  const last = useStore((state) => bandOf(state)?.last ?? null);

  const choices = curveChoices((source === 'average' ? average?.curves : view?.grids) ?? []);
  const choice = choices.includes(wanted) ? wanted : (choices.at(0) ?? 'hidden');
  const curves =
    (source === 'average' ? average && averageCurves(average, choice) : view && promptCurves(view, choice)) ?? [];
  const name = `${source === 'average' ? 'Average effect' : 'Effect'} by layer, ${choiceNames[choice]}`;
  return (
    <>
      <div className={styles.tools}>
        {average && view && (
          <Segments
            label="Effect of"
            value={source}
            options={[
              { value: 'prompt', name: 'This prompt' },
              { value: 'average', name: `${average.facts} facts` },
            ]}
            onChoose={showSource}
          />
        )}
        <Segments
          label="Curves"
          value={choice}
          options={choices.map((value) => ({ value, name: choiceNames[value] }))}
          onChoose={showCurves}
        />
      </div>
      <ErrorBoundary part="The chart">
        <Suspense fallback={<div className={styles.chartSpace} />}>
          <CurveChart
            name={name}
            curves={curves}
            layerCount={layerCount}
            band={first === null || last === null ? null : { first, last }}
          />
        </Suspense>
      </ErrorBoundary>
      <p className={panel.small}>
        {choice === 'severed' ? (
          <>
            At the last subject token, with what it adds above <Term name="severed" />: where the effect is lost without
            the MLPs, the MLPs carry the fact.
          </>
        ) : source === 'average' ? (
          'Mean over the facts, with its 95 % interval.'
        ) : (
          'Mean over the tokens of each position.'
        )}
      </p>
      <TableDetails name={name} table={curveTable(curves)} />
    </>
  );
}
