/** The records one by one: sorted, filtered, searched; each opens its prompts. Only the rows in view are drawn. */
import { useVirtualizer } from '@tanstack/react-virtual';
import { useId, useMemo, useRef, useState } from 'react';
import type { BenchmarkReport, CaseView, PromptOutcome } from '../../worker/benchmark-api.ts';
import { formatCount, formatNumber, formatProbability } from '../format.ts';
import { Mark } from '../shared/Mark.tsx';
import panel from '../shared/Panel.module.css';
import { chosenCases, type CaseFilter, type CaseOrder } from './chosen-cases.ts';
import { GROUPS } from './report-tables.ts';
import styles from './CaseTable.module.css';

const ROW_HEIGHT = 36;

export function CaseTable({ report }: { report: BenchmarkReport }) {
  const id = useId();
  const [search, setSearch] = useState('');
  const [filter, setFilter] = useState<CaseFilter>('all');
  const [order, setOrder] = useState<CaseOrder>('file');
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const scroll = useRef<HTMLDivElement>(null);
  const cases = useMemo(() => chosenCases(report.cases, { search, filter, order }), [report, search, filter, order]);
  // eslint-disable-next-line react-hooks/incompatible-library -- its functions are used in this component only
  const rows = useVirtualizer({
    count: cases.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 8,
    getItemKey: (index) => cases[index].index,
  });

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
          value={filter}
          onChange={(event) => setFilter(event.target.value as CaseFilter)}
        >
          <option value="all">All records</option>
          <option value="failed">With any failure</option>
          <option value="rewrite">Edit did not take</option>
          <option value="paraphrase">Paraphrase does not follow</option>
          <option value="neighborhood">Neighbour changed</option>
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
      <div ref={scroll} className={styles.scroll} tabIndex={0} role="region" aria-label="Records">
        <ul style={{ height: rows.getTotalSize() }} className={styles.list}>
          {rows.getVirtualItems().map((row) => {
            const { index, view } = cases[row.index];
            return (
              <li
                key={row.key}
                data-index={row.index}
                ref={rows.measureElement}
                className={styles.row}
                style={{ transform: `translateY(${row.start}px)` }}
              >
                <CaseRow view={view} open={open.has(index)} onToggle={() => toggle(index)} />
              </li>
            );
          })}
        </ul>
      </div>
    </section>
  );
}

function CaseRow({ view, open, onToggle }: { view: CaseView; open: boolean; onToggle: () => void }) {
  return (
    <>
      <button type="button" className={styles.head} aria-expanded={open} onClick={onToggle}>
        <span className={styles.subject}>
          <b>{view.subject}</b> {view.targetTrue} → {view.targetNew}
        </span>
        {GROUPS.map(({ id, success }) => {
          const share = view.shares[id];
          return (
            <span key={id} className={share !== null && share < 1 ? styles.failed : styles.passed}>
              {success} {share === null ? '–' : formatProbability(share)}
            </span>
          );
        })}
      </button>
      {open && (
        <ul className={styles.prompts} aria-label={`Prompts of ${view.subject}`}>
          {view.prompts.map((prompt, i) => (
            <PromptRow key={i} outcome={prompt} view={view} />
          ))}
        </ul>
      )}
    </>
  );
}

function PromptRow({ outcome, view }: { outcome: PromptOutcome; view: CaseView }) {
  const { before, after, group, prompt } = outcome;
  const now = after ?? before;
  const change = (was: number, is: number | undefined): string =>
    is === undefined ? formatProbability(was) : `${formatProbability(was)} → ${formatProbability(is)}`;
  return (
    <li>
      <span>{prompt}</span>
      <Mark pass={now.success} words={group === 'neighborhood' ? ['keeps', 'changed'] : ['follows', 'does not']} />
      <span className={panel.small}>
        P({view.targetNew}) {change(before.targetNew, after?.targetNew)}; P({view.targetTrue}){' '}
        {change(before.targetTrue, after?.targetTrue)}; margin {formatNumber(now.margin)}
      </span>
    </li>
  );
}
