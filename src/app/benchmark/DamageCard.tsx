/** A damage meter along the patch stack: what is left of facts that nobody edited, and of the model's way with text. */
import {
  formatHundredths,
  formatCount,
  formatNumber,
  formatPlural,
  formatProbability,
  formatSeconds,
  formatTimeLeft,
} from '../format.ts';
import bar from '../run/RunBar.module.css';
import { Button } from '../shared/Button.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import panel from '../shared/Panel.module.css';
import { Progress } from '../shared/Progress.tsx';
import type { Table } from '../shared/table.ts';
import { TableDetails } from '../shared/TableDetails.tsx';
import { Term } from '../shared/Tip.tsx';
import { damageDisabledReason } from '../store/benchmark.ts';
import { enabledPatchesKey } from '../store/drafts.ts';
import { useStore } from '../store/index.ts';
import type { Damage, DamageReport, Distance, Metric } from '../../worker/benchmark-api.ts';
import styles from './DamageCard.module.css';

const CLASSES: readonly { id: Distance; name: string }[] = [
  { id: 'neighbour', name: 'same relation and object as an edit' },
  { id: 'relation', name: 'same relation as an edit' },
  { id: 'other', name: 'other relations' },
];

export function DamageCard() {
  const disabledReason = useStore(damageDisabledReason);
  const task = useStore((state) => state.damageTask);
  const damage = useStore((state) => state.damage);
  const stale = useStore((state) => state.damage?.patches !== enabledPatchesKey(state.history.patches));
  const measure = useStore((state) => state.measureDamage);
  const cancel = useStore((state) => state.cancel);
  const running = task?.status === 'running';
  return (
    <section className={panel.card} aria-label="Damage">
      <h2>
        <Term name="damage">Damage</Term> along the patches
      </h2>
      <div className={bar.bar}>
        <Button disabled={disabledReason !== null} aria-describedby="damage-note" onClick={() => void measure()}>
          Measure damage
        </Button>
        <Button disabled={!running} onClick={() => void cancel()}>
          Cancel
        </Button>
        <p id="damage-note" className={bar.note}>
          {running
            ? 'Asking…'
            : (disabledReason ??
              'Asks facts that nobody edited, and held-out sentences, with the first patch, the first two, and so on.')}
        </p>
      </div>
      {task?.status === 'failed' && task.failure && (
        <FailureNotice title="The damage could not be measured." failure={task.failure} />
      )}
      {running && (
        <>
          <Progress label="Damage" fraction={task.total > 0 ? task.done / task.total : null} />
          <p className={panel.small}>{task.secondsLeft === null ? task.stage : formatTimeLeft(task.secondsLeft)}</p>
        </>
      )}
      {damage && <Meter report={damage.report} stale={stale} />}
    </section>
  );
}

function Meter({ report, stale }: { report: DamageReport; stale: boolean }) {
  const last = report.steps[report.steps.length - 1];
  return (
    <>
      <p className={panel.small}>
        {formatPlural(report.facts, 'fact')} and {formatPlural(report.sentences, 'sentence')} asked in{' '}
        {formatSeconds(report.seconds)}.{stale && ' The patches have changed since.'}
      </p>
      <ol className={styles.steps} aria-label="Facts kept after each patch">
        {report.steps.map(({ name, damage }, i) => (
          <li key={i}>
            <span className={styles.name}>
              {i + 1}. {name}
            </span>
            <span className={styles.meter} aria-hidden="true">
              <span style={{ width: `${100 * (damage.keptOverall ?? 0)}%` }} />
            </span>
            <span className={styles.value}>
              {damage.keptOverall === null ? 'no facts' : `${formatProbability(damage.keptOverall)} kept`}
            </span>
          </li>
        ))}
      </ol>
      <dl className={styles.figures}>
        {CLASSES.map(({ id, name }) => (
          <Figure key={id} name={name} metric={last.damage.kept[id]} />
        ))}
        {report.perplexityBefore !== null && last.damage.perplexity !== null && (
          <div>
            <dt>
              <Term name="perplexity">Perplexity</Term>
            </dt>
            <dd>
              {formatNumber(report.perplexityBefore)} → {formatNumber(last.damage.perplexity)}
            </dd>
          </div>
        )}
        {last.damage.divergence && (
          <div>
            <dt>KL after neutral prompts</dt>
            <dd>{formatNumber(last.damage.divergence.mean)} nats</dd>
          </div>
        )}
      </dl>
      <TableDetails name="Damage along the patches" table={stepsTable(report)} />
      {last.damage.relations.length > 0 && (
        <TableDetails summary="Kept by relation" name="Facts kept by relation" table={relationsTable(last.damage)} />
      )}
    </>
  );
}

function Figure({ name, metric }: { name: string; metric: Metric | null }) {
  return (
    <div>
      <dt>Kept, {name}</dt>
      <dd>
        {metric === null
          ? 'no such facts'
          : `${formatProbability(metric.mean)} (${formatHundredths(metric.low)} – ${formatHundredths(metric.high)}) of ${formatCount(metric.records)}`}
      </dd>
    </div>
  );
}

function stepsTable({ perplexityBefore, steps }: DamageReport): Table {
  const share = (metric: Metric | null): number | null => metric?.mean ?? null;
  return {
    columns: [
      'patches',
      'up to',
      'kept',
      'kept, same object',
      'kept, same relation',
      'kept, other',
      'perplexity',
      'KL',
    ],
    rows: [
      [0, 'none', 1, 1, 1, 1, perplexityBefore, 0],
      ...steps.map(({ name, damage }, i) => [
        i + 1,
        name,
        damage.keptOverall,
        share(damage.kept.neighbour),
        share(damage.kept.relation),
        share(damage.kept.other),
        damage.perplexity,
        share(damage.divergence),
      ]),
    ],
  };
}

/** What suffered most comes first. */
function relationsTable({ relations }: Damage): Table {
  const worst = relations.toSorted((a, b) => a.kept / a.asked - b.kept / b.asked);
  return {
    columns: ['relation', 'kept', 'asked'],
    rows: worst.map(({ relation, kept, asked }) => [relation, kept, asked]),
  };
}
