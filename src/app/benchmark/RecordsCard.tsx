/** Which records are measured: known facts of the model, or those of a file that is chosen, dropped or pasted. */
import { useId, useState, type DragEvent } from 'react';
import type { ImportFault, RecordSetView } from '../../worker/benchmark-api.ts';
import { formatCount, formatPlural } from '../format.ts';
import { Button } from '../shared/Button.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import panel from '../shared/Panel.module.css';
import { FileButton } from '../shared/FileButton.tsx';
import { Segments } from '../shared/Segments.tsx';
import { useStore } from '../store/index.ts';
import { KNOWN_COUNTS, parseSeed, type BenchmarkChoice } from '../store/records.ts';
import styles from './RecordsCard.module.css';
import { TABLE_FILES } from './table-files.ts';

/** Faults that are shown before the rest is asked for. */
const SHOWN_FAULTS = 5;

export function RecordsCard() {
  const seedId = useId();
  const choice = useStore((state) => state.benchmarkChoice);
  const choose = useStore((state) => state.chooseBenchmark);
  const seed = useStore((state) => state.benchmarkSeed);
  const setSeed = useStore((state) => state.setBenchmarkSeed);
  const imported = useStore((state) => state.imported);
  const running = useStore((state) => state.benchmarkTask?.status === 'running');
  const options: { value: BenchmarkChoice; name: string }[] = [
    ...KNOWN_COUNTS.map((count) => ({ value: count, name: count === '1' ? '1 fact' : `${count} facts` })),
    { value: 'imported', name: imported ? `${formatCount(imported.count)} imported` : 'Imported' },
  ];
  return (
    <>
      <div className={panel.head}>
        <h2>Records</h2>
        <Segments label="Records" value={choice} options={options} onChoose={choose} disabled={running} />
      </div>
      {choice === 'imported' ? (
        <ImportArea />
      ) : (
        <p className={`${panel.small} ${styles.seed}`}>
          Drawn from the records that came with the model, among those whose true object is its own answer.
          <label htmlFor={seedId}>Seed</label>
          <input
            id={seedId}
            className={`${panel.input} ${styles.number}`}
            value={seed}
            inputMode="numeric"
            autoComplete="off"
            aria-invalid={typeof parseSeed(seed) === 'string'}
            onChange={(event) => setSeed(event.target.value)}
          />
        </p>
      )}
    </>
  );
}

function ImportArea() {
  const [text, setText] = useState('');
  const [over, setOver] = useState(false);
  const imported = useStore((state) => state.imported);
  const mapping = useStore((state) => state.mappedTable !== null);
  const failure = useStore((state) => state.importFailure);
  const importRecords = useStore((state) => state.importRecords);

  async function takeFile(file: File | undefined): Promise<void> {
    if (file) await importRecords(file.name, await file.text());
  }

  function drop(event: DragEvent): void {
    event.preventDefault();
    setOver(false);
    void takeFile(event.dataTransfer.files[0]);
  }

  return (
    <div
      className={over ? `${styles.drop} ${styles.over}` : styles.drop}
      role="group"
      aria-label="Import records"
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <div className={styles.ways}>
        <FileButton label="Records file" accept={TABLE_FILES} onChoose={(file) => void takeFile(file)}>
          Choose a file…
        </FileButton>
        <span className={panel.small}>
          or drop it here: CounterFact, zsRE or EasyEdit JSON, JSON lines, CSV or TSV with columns for subject, prompt
          or relation, and new object; the true object where it is known.
        </span>
      </div>
      <details>
        <summary>Paste records</summary>
        <div className={panel.stack}>
          <textarea
            className={`${panel.input} ${styles.paste}`}
            aria-label="Records to import"
            rows={5}
            spellCheck={false}
            value={text}
            placeholder={'subject,prompt,target_new,target_true\nEiffel Tower,{} is in the city of,Rome,Paris'}
            onChange={(event) => setText(event.target.value)}
          />
          <div>
            <Button disabled={text.trim() === ''} onClick={() => void importRecords('Pasted records', text)}>
              Read these records
            </Button>
          </div>
        </div>
      </details>
      {failure && !mapping && <FailureNotice title="The records could not be read." failure={failure} />}
      {imported && <ImportedSet set={imported} />}
    </div>
  );
}

function ImportedSet({ set }: { set: RecordSetView }) {
  const [sample] = set.samples;
  const table = useStore((state) => state.importedTable);
  const ask = useStore((state) => state.askForColumns);
  return (
    <div role="status">
      <p>
        <b>{set.name}</b>: {formatPlural(set.count, 'record')}, {formatPlural(set.paraphrases, 'paraphrase')},{' '}
        {formatPlural(set.neighbours, 'neighbour')}
        {set.faults.length > 0 && `; ${formatPlural(set.faults.length, 'record')} left out`}.{' '}
        {table && (
          <Button variant="quiet" onClick={() => ask(table)}>
            Columns…
          </Button>
        )}
      </p>
      <p className={panel.small}>
        The first: “{sample.prompt}” {sample.targetTrue === null ? '' : `${sample.targetTrue} `}→ {sample.targetNew}
      </p>
      <FaultList title="Left out" faults={set.faults} />
      <FaultList title="Kept, but not whole" faults={set.notes} />
    </div>
  );
}

function FaultList({ title, faults }: { title: string; faults: readonly ImportFault[] }) {
  const [all, setAll] = useState(false);
  if (faults.length === 0) return null;
  const shown = all ? faults : faults.slice(0, SHOWN_FAULTS);
  return (
    <>
      <h3>{title}</h3>
      <ul className={styles.faults} aria-label={title}>
        {shown.map(({ record, reason }) => (
          <li key={record} className={panel.fault}>
            Record {record}: {reason}.
          </li>
        ))}
      </ul>
      {faults.length > shown.length && (
        <Button variant="quiet" onClick={() => setAll(true)}>
          Show all {formatCount(faults.length)}
        </Button>
      )}
    </>
  );
}
