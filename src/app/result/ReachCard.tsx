/** What the change moves: ‖ΔW k‖/‖W k‖ for keys of the edits, of their neighbours and of ordinary text; and which edits have keys alike. */
import { useState } from 'react';
import type { LayerReach, PatchSummary, Reach, Spread } from '../../worker/api.ts';
import { formatNumber, formatPlural } from '../format.ts';
import { Button } from '../shared/Button.tsx';
import { themedShade } from '../shared/color-scale.ts';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import panel from '../shared/Panel.module.css';
import { Progress } from '../shared/Progress.tsx';
import { TableDetails } from '../shared/TableDetails.tsx';
import { Term } from '../shared/Tip.tsx';
import { busyDisabledReason } from '../store/disabled-reasons.ts';
import { useStore } from '../store/index.ts';
import { reachKey } from '../store/reach.ts';
import styles from './ReachCard.module.css';
import { ALIKE, alikePairs, axisOf, KINDS, reachTable, singularTable } from './reach-tables.ts';

export function ReachCard({ patch }: { patch: PatchSummary }) {
  const reading = useStore((state) => state.reach);
  const fresh = useStore((state) => state.reach !== null && state.reach.key === reachKey(state));
  const done = useStore((state) => state.reachDone);
  const failure = useStore((state) => state.reachFailure);
  const busy = useStore((state) => busyDisabledReason(state) !== null);
  const measure = useStore((state) => state.measureReach);
  return (
    <section className={panel.card} aria-label="What the change moves">
      <div className={panel.head}>
        <h2>
          What <Term name="ΔW" /> moves
        </h2>
        <Button disabled={busy} onClick={() => void measure()}>
          {reading && !fresh ? 'Measure again' : 'Measure'}
        </Button>
      </div>
      <p className={panel.small}>
        What the change adds to a layer’s output, as a share of what the layer wrote: much for the{' '}
        <Term name="key">keys</Term> of the edits, little for those of ordinary text, which the statistics C protect.
      </p>
      {done && <Progress label="Measuring" fraction={done.total > 0 ? done.done / done.total : null} />}
      {failure && (
        <FailureNotice
          title="It could not be measured."
          failure={failure}
          action={{ label: 'Measure again', onAct: () => void measure() }}
        />
      )}
      {reading && fresh && (
        <>
          <Ranges reach={reading.reach} />
          <TableDetails name="Reach of the change" table={() => reachTable(reading.reach)} />
          <SingularValues reach={reading.reach} />
          <Likeness reach={reading.reach} patch={patch} />
        </>
      )}
    </section>
  );
}

function Ranges({ reach }: { reach: Reach }) {
  const { from, to } = axisOf(reach);
  const place = (value: number): number => {
    if (!(value > 0)) return 0;
    return Math.min(100, Math.max(0, (100 * (Math.log10(value) - from)) / (to - from)));
  };
  const ticks = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  return (
    <div className={styles.ranges}>
      {reach.layers.map((layer) => (
        <div key={layer.layer} className={styles.layer}>
          <h3 className={styles.name}>Layer {layer.layer}</h3>
          <ul className={styles.kinds}>
            {KINDS.map(({ id, name }) => {
              const spread = layer[id];
              return spread && <Range key={id} kind={id} name={name} spread={spread} place={place} />;
            })}
          </ul>
        </div>
      ))}
      <div className={styles.axis} aria-hidden="true">
        {ticks.map((tick) => (
          <span key={tick} style={{ left: `${(100 * (tick - from)) / (to - from)}%` }}>
            {formatNumber(100 * 10 ** tick)} %
          </span>
        ))}
      </div>
    </div>
  );
}

interface RangeProps {
  kind: (typeof KINDS)[number]['id'];
  name: string;
  spread: Spread;
  place: (value: number) => number;
}

function Range({ kind, name, spread, place }: RangeProps) {
  const { low, median, high, most, count } = spread;
  const percent = (value: number): string => `${formatNumber(100 * value)} %`;
  return (
    <li className={styles.kind}>
      <span>{name}</span>
      <span
        className={`${styles.track} ${styles[kind]}`}
        role="img"
        aria-label={`${name}, ${count}: half of them from ${percent(low)} to ${percent(high)}, at most ${percent(most)}`}
      >
        <span className={styles.whisker} style={{ left: `${place(low)}%`, width: `${place(most) - place(low)}%` }} />
        <span
          className={styles.box}
          style={{ left: `${place(low)}%`, width: `max(3px, ${place(high) - place(low)}%)` }}
        />
        <span className={styles.median} style={{ left: `${place(median)}%` }} />
      </span>
      <span className={styles.value}>{percent(median)}</span>
    </li>
  );
}

/** In how many directions a change goes, and how much of it in each. */
function SingularValues({ reach: { layers } }: { reach: Reach }) {
  return (
    <>
      <h3>
        <Term name="singular values">Singular values</Term> of <Term name="ΔW" />
      </h3>
      <ul className={styles.values}>
        {layers.map(({ layer, singularValues: values, norm }) => {
          const held = values.reduce((sum, value) => sum + value * value, 0) / (norm * norm || 1);
          const words = `Layer ${layer}: ${values.map(formatNumber).join(', ')}; ${formatNumber(100 * Math.min(1, held))} % of ‖ΔW‖²`;
          return (
            <li key={layer}>
              <span>Layer {layer}</span>
              <span className={styles.bars} role="img" aria-label={words} title={words}>
                {values.map((value, i) => (
                  <span key={i} style={{ height: `${(100 * value) / (values[0] || 1)}%` }} />
                ))}
              </span>
              <span className={styles.value}>{formatNumber(values[0] ?? 0)}</span>
            </li>
          );
        })}
      </ul>
      <TableDetails name="Singular values of the change" table={() => singularTable(layers)} />
    </>
  );
}

function Likeness({ reach, patch }: { reach: Reach; patch: PatchSummary }) {
  const [at, setAt] = useState(0);
  const layers = reach.layers.filter(({ likeness }) => likeness !== null);
  const layer = layers.at(at) ?? layers.at(0);
  if (!layer || reach.edits < 2) return null;
  const alike = alikePairs(layer).filter(({ cosine }) => Math.abs(cosine) >= ALIKE);
  const nameOf = (edit: number): string => patch.edits[edit]?.subject ?? '';
  return (
    <>
      <div className={panel.head}>
        <h3>
          How alike the edits’ <Term name="key">keys</Term> are
        </h3>
        <label className={panel.label}>
          Layer{' '}
          <select className={styles.select} value={at} onChange={(event) => setAt(Number(event.target.value))}>
            {layers.map(({ layer: number }, i) => (
              <option key={number} value={i}>
                {number}
              </option>
            ))}
          </select>
        </label>
      </div>
      <KeyMatrix layer={layer} nameOf={nameOf} />
      <p className={panel.small}>
        {alike.length === 0
          ? 'No two of them are much alike: each edit can be written without the others.'
          : `${formatPlural(alike.length, 'pair')} much alike, such as ${nameOf(alike[0].first)} and ${nameOf(alike[0].second)} (cosine ${formatNumber(alike[0].cosine)}): what is written for one is written for the other as well, which is a conflict where they want different objects.`}
      </p>
    </>
  );
}

function KeyMatrix({ layer, nameOf }: { layer: LayerReach; nameOf: (edit: number) => string }) {
  const rows = layer.likeness ?? [];
  const [most] = alikePairs(layer);
  const words = `most alike are ${nameOf(most.first)} and ${nameOf(most.second)}, cosine ${formatNumber(most.cosine)}`;
  return (
    <div
      className={styles.matrix}
      role="img"
      aria-label={`Cosines of the keys of ${rows.length} edits at layer ${layer.layer}: ${words}`}
      style={{ gridTemplateColumns: `repeat(${rows.length}, minmax(4px, 22px))` }}
    >
      {rows.flatMap((row, first) =>
        row.map((cosine, second) => (
          <span
            key={`${first} ${second}`}
            className={first !== second && Math.abs(cosine) >= ALIKE ? styles.alike : undefined}
            style={{ background: themedShade(Math.abs(cosine)) }}
            title={`${nameOf(first)} – ${nameOf(second)}: ${formatNumber(cosine)}`}
          />
        )),
      )}
    </div>
  );
}
