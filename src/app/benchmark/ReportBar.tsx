/** Which report is shown, and which one stands beside it. */
import { useId } from 'react';
import panel from '../shared/Panel.module.css';
import { useStore } from '../store/index.ts';
import { hasSeveralMethods } from '../store/method.ts';
import { reportName } from './compare-reports.ts';
import styles from './ReportBar.module.css';

export function ReportBar() {
  const id = useId();
  const reports = useStore((state) => state.reports);
  const shown = useStore((state) => state.shownNumber);
  const beside = useStore((state) => state.besideNumber);
  const show = useStore((state) => state.showReport);
  const showBeside = useStore((state) => state.showBeside);
  const several = useStore(hasSeveralMethods);
  if (reports.length < 2) return null;
  const options = [...reports].reverse();
  return (
    <section className={`${panel.card} ${styles.bar}`} aria-label="Reports">
      <div className={panel.field}>
        <label className={panel.label} htmlFor={`${id}-shown`}>
          Report
        </label>
        <select
          id={`${id}-shown`}
          className={panel.input}
          value={shown ?? ''}
          onChange={(event) => show(Number(event.target.value))}
        >
          {options.map((report) => (
            <option key={report.number} value={report.number}>
              {reportName(report, several)}
            </option>
          ))}
        </select>
      </div>
      <div className={panel.field}>
        <label className={panel.label} htmlFor={`${id}-beside`}>
          Compared with
        </label>
        <select
          id={`${id}-beside`}
          className={panel.input}
          value={beside === shown ? '' : (beside ?? '')}
          onChange={(event) => showBeside(event.target.value === '' ? null : Number(event.target.value))}
        >
          <option value="">nothing</option>
          {options
            .filter(({ number }) => number !== shown)
            .map((report) => (
              <option key={report.number} value={report.number}>
                {reportName(report, several)}
              </option>
            ))}
        </select>
      </div>
    </section>
  );
}
