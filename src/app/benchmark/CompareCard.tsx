/** Two reports beside each other: what they differ in, metric by metric, and on how many prompts. */
import { formatCount, formatNumber } from '../format.ts';
import panel from '../shared/Panel.module.css';
import type { Cell } from '../shared/table.ts';
import { TableActions } from '../shared/TableDetails.tsx';
import type { NumberedReport } from '../store/benchmark.ts';
import { useStore } from '../store/index.ts';
import { hasSeveralMethods } from '../store/method.ts';
import { comparisonTable, differingSettings, pairedCounts, reportName } from './compare-reports.ts';
import { GROUPS } from './report-tables.ts';
import styles from './CompareCard.module.css';

function show(cell: Cell): string {
  return typeof cell === 'number' ? formatNumber(cell) : '–';
}

function MeanCell({ mean, low, high }: { mean: Cell; low: Cell; high: Cell }) {
  return (
    <td>
      {show(mean)}{' '}
      {low !== high && (
        <span className={panel.small}>
          {show(low)} – {show(high)}
        </span>
      )}
    </td>
  );
}

interface CompareCardProps {
  first: NumberedReport;
  second: NumberedReport;
}

export function CompareCard({ first, second }: CompareCardProps) {
  const several = useStore(hasSeveralMethods);
  const settings = differingSettings(first, second);
  const table = comparisonTable(first.report, second.report);
  const pairs = pairedCounts(first.report, second.report);
  const rows = table.rows.filter((row) => row.slice(2).some((cell) => cell !== null));
  return (
    <section className={panel.card} aria-label="Comparison">
      <h2>Side by side</h2>
      <ol className={styles.sides}>
        {[first, second].map((side) => (
          <li key={side.number}>{reportName(side, several)}</li>
        ))}
      </ol>
      {settings.length > 0 && (
        <p className={panel.small}>
          The runs differ in {settings.map(({ name, first: a, second: b }) => `${name} (${a} and ${b})`).join('; ')}.
        </p>
      )}
      <p className={panel.small}>Per cent after the edits, or as it was asked; GE in hundredths of a bit.</p>
      <div className={styles.scroll} tabIndex={0} role="region" aria-label="Metrics side by side">
        <table className={styles.table}>
          <thead>
            <tr>
              <th scope="col">Metric</th>
              <th scope="col">No. {first.number}</th>
              <th scope="col">No. {second.number}</th>
              <th scope="col">Difference</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(([name, group, a, aLow, aHigh, b, bLow, bHigh, difference]) => (
              <tr key={String(name)}>
                <th scope="row">
                  {name} <span className={panel.small}>{group}</span>
                </th>
                <MeanCell mean={a} low={aLow} high={aHigh} />
                <MeanCell mean={b} low={bLow} high={bHigh} />
                <td className={typeof difference !== 'number' || difference === 0 ? undefined : styles.differs}>
                  {typeof difference === 'number' && difference > 0 ? '+' : ''}
                  {show(difference)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {pairs ? (
        <ul className={panel.small} aria-label="Prompt by prompt">
          {pairs.map(({ group, both, first: a, second: b, neither }) => (
            <li key={group}>
              {GROUPS.find(({ id }) => id === group)?.name}: {formatCount(both)} right in both, {formatCount(a)} only in
              no. {first.number}, {formatCount(b)} only in no. {second.number}, {formatCount(neither)} in neither.
            </li>
          ))}
        </ul>
      ) : (
        <p className={panel.small}>
          The two asked different prompts: their means can be compared, their records cannot be paired.
        </p>
      )}
      <TableActions name={`Reports ${first.number} and ${second.number}`} table={table} />
    </section>
  );
}
