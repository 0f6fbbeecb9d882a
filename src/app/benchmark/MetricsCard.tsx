/** The report's figures: the three shares and the score large, all metrics as a table, and files to take home. */
import { formatHundredths, formatPlural, formatProbability } from '../format.ts';
import { Button } from '../shared/Button.tsx';
import panel from '../shared/Panel.module.css';
import { saveFile } from '../shared/save-file.ts';
import { toCsv } from '../shared/table.ts';
import { TableDetails } from '../shared/TableDetails.tsx';
import { Term } from '../shared/Tip.tsx';
import { VirtualList } from '../shared/VirtualList.tsx';
import type { BenchmarkReport, Metric, TextMetrics } from '../../worker/benchmark-api.ts';
import type { GlossaryTerm } from '../glossary.ts';
import { reportHtml } from './report-html.ts';
import { GROUPS, headlineOf, metricRows, metricsTable, promptsTable, textsTable } from './report-tables.ts';
import styles from './MetricsCard.module.css';

const LEFT_OUT_HEIGHT = 24;

export function MetricsCard({ report }: { report: BenchmarkReport }) {
  const rows = metricRows(report);
  const score = rows.find(({ name }) => name === 'S');
  return (
    <section className={panel.card} aria-label="Metrics">
      <div className={panel.head}>
        <h2>{report.title}</h2>
        <span className={panel.small}>
          {report.patches.length === 0 ? 'unedited model' : `with ${report.patches.join(', ')}`}
        </span>
      </div>
      <dl className={styles.cards}>
        {GROUPS.map((group) => {
          const { id, name } = group;
          const { measure, term, label } = headlineOf(report, group);
          return (
            <Share
              key={id}
              term={term}
              label={label}
              name={name}
              before={report.before.groups[id]?.[measure] ?? null}
              after={report.after?.groups[id]?.[measure] ?? null}
            />
          );
        })}
        <Share term="S" name="Score" before={score?.before ?? null} after={score?.after ?? null} />
        {report.before.texts && <TextShares before={report.before.texts} after={report.after?.texts ?? null} />}
      </dl>
      {report.leftOut.length > 0 && <LeftOutList leftOut={report.leftOut} />}
      <MetricsDetails report={report} />
      <Files report={report} />
    </section>
  );
}

interface ShareProps {
  term: GlossaryTerm;
  /** The term itself when absent. */
  label?: string;
  name: string;
  before: Metric | null;
  after: Metric | null;
  /** Instead of a figure that there is not. */
  missing?: string;
  format?: (value: number) => string;
}

function Share({
  term,
  label = term,
  name,
  before,
  after,
  missing = 'nothing to measure',
  format = formatProbability,
}: ShareProps) {
  const shown = after ?? before;
  return (
    <div className={styles.share}>
      <dt>
        <Term name={term}>{label}</Term> <span className={panel.small}>{name}</span>
      </dt>
      <dd className={after ? styles.after : styles.before}>
        {shown ? format(shown.mean) : missing}
        {shown && shown.low < shown.high && (
          <span className={panel.small}>
            {' '}
            {formatHundredths(shown.low)}&nbsp;–&nbsp;{formatHundredths(shown.high)}
          </span>
        )}
      </dd>
      {after && before && <dd className={panel.small}>before {format(before.mean)}</dd>}
    </div>
  );
}

/** GE as the paper gives it, in hundredths of a bit. */
function TextShares({ before, after }: { before: TextMetrics; after: TextMetrics | null }) {
  return (
    <>
      <Share
        term="GE"
        name="Fluency"
        before={before.fluency}
        after={after?.fluency ?? null}
        format={formatHundredths}
      />
      <Share
        term="RS"
        name="Consistency"
        before={before.consistency}
        after={after?.consistency ?? null}
        missing="not available"
      />
    </>
  );
}

function LeftOutList({ leftOut }: { leftOut: BenchmarkReport['leftOut'] }) {
  const items = leftOut.map(({ caseId, reason }, index) => ({ caseId, reason, index }));
  return (
    <details>
      <summary>Not asked: {formatPlural(items.length, 'record')}, wholly or in part</summary>
      <VirtualList
        label="Not asked"
        items={items}
        keyOf={({ index }) => index}
        rowHeight={LEFT_OUT_HEIGHT}
        short
        render={({ caseId, reason }) => (
          <p className={panel.fault}>
            Case {caseId}: {reason}.
          </p>
        )}
      />
    </details>
  );
}

function MetricsDetails({ report }: { report: BenchmarkReport }) {
  return (
    <>
      <p className={panel.small}>
        Beside a figure stands its 95 % interval over the records, of shares Wilson’s. The table adds{' '}
        <Term name="magnitude" /> (EM, PM, NM) and <Term name="accuracy" /> (EA, PA, NA).
      </p>
      <TableDetails name={`Metrics of ${report.title}`} table={metricsTable(report)} />
    </>
  );
}

interface ReportFile {
  name: string;
  extension: string;
  type: string;
  content: () => BlobPart | Promise<BlobPart>;
}

/** The reference's result files in one archive. */
async function zippedCases({ caseFiles }: BenchmarkReport): Promise<BlobPart> {
  const { strToU8, zipSync } = await import('fflate');
  const entries = caseFiles.map(({ name, content }) => [name, strToU8(content)] as const);
  return zipSync(Object.fromEntries(entries));
}

function Files({ report }: { report: BenchmarkReport }) {
  const stem = `benchmark-${report.title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-')}`;
  const texts: ReportFile = {
    name: 'Texts (CSV)',
    extension: 'texts.csv',
    type: 'text/csv',
    content: () => toCsv(textsTable(report)),
  };
  const files: ReportFile[] = [
    { name: 'Report (HTML)', extension: 'html', type: 'text/html', content: () => reportHtml(report) },
    { name: 'Prompts (CSV)', extension: 'csv', type: 'text/csv', content: () => toCsv(promptsTable(report)) },
    ...(report.before.texts ? [texts] : []),
    { name: 'Cases (JSON)', extension: 'json', type: 'application/json', content: () => report.referenceJson },
    { name: 'Case files (ZIP)', extension: 'zip', type: 'application/zip', content: () => zippedCases(report) },
  ];

  async function save({ extension, type, content }: ReportFile): Promise<void> {
    saveFile(`${stem}.${extension}`, new Blob([await content()], { type }));
  }

  return (
    <div className={styles.files} role="group" aria-label="Save the report">
      {files.map((file) => (
        <Button key={file.extension} variant="quiet" icon="down" onClick={() => void save(file)}>
          {file.name}
        </Button>
      ))}
    </div>
  );
}
