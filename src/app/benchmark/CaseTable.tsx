/** The records one by one: sorted, filtered, searched; each opens its prompts. Only the rows in view are drawn. */
import { Fragment, useId, useMemo, useState } from 'react';
import type { BenchmarkReport, CaseView, PromptGroup, PromptOutcome } from '../../worker/benchmark-api.ts';
import { formatCount, formatHundredths, formatNumber, formatPlural, formatProbability } from '../format.ts';
import { Mark } from '../shared/Mark.tsx';
import panel from '../shared/Panel.module.css';
import { VirtualList } from '../shared/VirtualList.tsx';
import { chosenCases, type CaseFilter, type CaseOrder } from './chosen-cases.ts';
import { differingCases } from './compare-reports.ts';
import { GROUPS, headlineOf } from './report-tables.ts';
import styles from './CaseTable.module.css';

const ROW_HEIGHT = 36;

interface CaseTableProps {
  report: BenchmarkReport;
  /** The one it is compared with. */
  beside: BenchmarkReport | null;
}

export function CaseTable({ report, beside }: CaseTableProps) {
  const id = useId();
  const [search, setSearch] = useState('');
  const [filter, setFilter] = useState<CaseFilter>('all');
  const [order, setOrder] = useState<CaseOrder>('file');
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const differing = useMemo(() => beside && differingCases(beside, report), [beside, report]);
  const shownFilter = filter === 'differs' && !differing ? 'all' : filter;
  const cases = useMemo(
    () => chosenCases(report.cases, { search, filter: shownFilter, order, differing }),
    [report, search, shownFilter, order, differing],
  );
  const labels = GROUPS.map((group) => ({ id: group.id, label: headlineOf(report, group).label }));

  function toggle(index: number): void {
    const next = new Set(open);
    if (!next.delete(index)) next.add(index);
    setOpen(next);
  }

  return (
    <section className={panel.card} aria-label="Records measured">
      <div className={panel.head}>
        <h2>Record by record</h2>
        <span className={panel.small} role="status">
          {formatCount(cases.length)} of {formatCount(report.cases.length)}
        </span>
      </div>
      <div className={styles.tools}>
        <input
          className={panel.input}
          type="search"
          aria-label="Search records"
          placeholder="Search subject, object, prompt"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
        <label htmlFor={`${id}-filter`} className="visually-hidden">
          Show
        </label>
        <select
          id={`${id}-filter`}
          className={panel.input}
          value={shownFilter}
          onChange={(event) => setFilter(event.target.value as CaseFilter)}
        >
          <option value="all">All records</option>
          <option value="failed">With any failure</option>
          <option value="rewrite">Edit did not take</option>
          <option value="paraphrase">Paraphrase does not follow</option>
          <option value="neighborhood">Neighbour changed</option>
          {differing && <option value="differs">Otherwise in the other report</option>}
        </select>
        <label htmlFor={`${id}-order`} className="visually-hidden">
          Order
        </label>
        <select
          id={`${id}-order`}
          className={panel.input}
          value={order}
          onChange={(event) => setOrder(event.target.value as CaseOrder)}
        >
          <option value="file">As drawn</option>
          <option value="subject">By subject</option>
          <option value="worst">Worst first</option>
        </select>
      </div>
      <VirtualList
        label="Records"
        items={cases}
        keyOf={({ index }) => index}
        rowHeight={ROW_HEIGHT}
        render={({ index, view }) => (
          <CaseRow view={view} labels={labels} open={open.has(index)} onToggle={() => toggle(index)} />
        )}
      />
    </section>
  );
}

interface CaseRowProps {
  view: CaseView;
  labels: readonly { id: PromptGroup; label: string }[];
  open: boolean;
  onToggle: () => void;
}

function CaseRow({ view, labels, open, onToggle }: CaseRowProps) {
  return (
    <>
      <button type="button" className={styles.head} aria-expanded={open} onClick={onToggle}>
        <span className={styles.subject}>
          <b>{view.subject}</b> {view.targetTrue === null ? '' : `${view.targetTrue} `}→ {view.targetNew}
        </span>
        {labels.map(({ id, label }) => {
          const share = view.shares[id];
          return (
            <span key={id} className={share !== null && share < 1 ? styles.failed : styles.passed}>
              {label} {share === null ? '–' : formatProbability(share)}
            </span>
          );
        })}
      </button>
      {open && (
        <>
          <ul className={styles.prompts} aria-label={`Prompts of ${view.subject}`}>
            {view.prompts.map((prompt, i) => (
              <PromptRow key={i} outcome={prompt} />
            ))}
          </ul>
          {view.texts && view.texts.before.texts.length > 0 && <TextList texts={view.texts} />}
        </>
      )}
    </>
  );
}

function PromptRow({ outcome }: { outcome: PromptOutcome }) {
  const { before, after, group, prompt, targetNew, targetTrue } = outcome;
  const now = after ?? before;
  const change = (key: 'targetNew' | 'targetTrue', object: string | null): string[] => {
    const [was, is] = [before[key], after?.[key] ?? null];
    if (was === null || object === null) return [];
    const values = is === null ? formatProbability(was) : `${formatProbability(was)} → ${formatProbability(is)}`;
    return [`P(${object}) ${values}`];
  };
  const figures = [
    ...change('targetNew', targetNew),
    ...change('targetTrue', targetTrue),
    now.margin === null
      ? `${formatCount(now.correct.tokens)} of ${formatPlural(now.correct.of, 'token')} right`
      : `margin ${formatNumber(now.margin)}`,
  ];
  return (
    <li>
      <span>{prompt}</span>
      <Mark pass={now.success} words={group === 'neighborhood' ? ['keeps', 'changed'] : ['follows', 'does not']} />
      <span className={panel.small}>{figures.join('; ')}</span>
    </li>
  );
}

function TextList({ texts: { before, after } }: { texts: NonNullable<CaseView['texts']> }) {
  const now = after ?? before;
  return (
    <details className={styles.texts}>
      <summary>
        {formatPlural(now.texts.length, 'text')}
        {now.fluency !== null && `; GE ${formatHundredths(now.fluency)}`}; RS{' '}
        {now.consistency === null ? 'not available' : formatProbability(now.consistency)}
      </summary>
      <dl>
        {before.texts.map((text, i) => (
          <Fragment key={i}>
            <dt>before</dt>
            <dd>{text}</dd>
            {after && <dt>after</dt>}
            {after && <dd>{after.texts[i]}</dd>}
          </Fragment>
        ))}
      </dl>
    </details>
  );
}
