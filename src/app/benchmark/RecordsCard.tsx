/** Which records are measured: known facts of the model, or those of a file that is chosen, dropped or pasted. */
import { useState, type DragEvent } from 'react';
import { formatCount } from '../format.ts';
import { FindFacts } from '../knowledge/FindFacts.tsx';
import { readTextFile } from '../read-file.ts';
import { Button } from '../shared/Button.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import panel from '../shared/Panel.module.css';
import { FileButton } from '../shared/FileButton.tsx';
import { Segments } from '../shared/Segments.tsx';
import { useStore } from '../store/index.ts';
import { KNOWN_COUNTS, parseSeed, type BenchmarkChoice } from '../store/records.ts';
import { ImportedRecords } from './ImportedRecords.tsx';
import { NumberField } from './NumberField.tsx';
import styles from './RecordsCard.module.css';
import { TABLE_FILES } from './table-files.ts';

export function RecordsCard() {
  const choice = useStore((state) => state.benchmarkChoice);
  const choose = useStore((state) => state.chooseBenchmark);
  const seed = useStore((state) => state.benchmarkSeed);
  const setSeed = useStore((state) => state.setBenchmarkSeed);
  const imported = useStore((state) => state.imported);
  const running = useStore((state) => state.benchmarkTask?.status === 'running');
  const shipped = useStore((state) => state.knowledge?.origin === 'shipped');
  const options: { value: BenchmarkChoice; name: string }[] = [
    ...KNOWN_COUNTS.map((count) => ({ value: count, name: count === '1' ? '1 fact' : `${count} facts` })),
    { value: 'imported', name: imported ? `${formatCount(imported.records.length)} imported` : 'Imported' },
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
        <>
          <p className={`${panel.small} ${styles.seed}`}>
            {shipped
              ? 'Drawn from CounterFact, which ships with the page, among the records whose true object the model finds likelier than the new one; a benchmark.json of the model’s own would go before it.'
              : 'Drawn from the records that came with the model, among those whose true object is its own answer.'}
            <NumberField label="Seed" value={seed} fault={typeof parseSeed(seed) === 'string'} onChange={setSeed} />
          </p>
          <FindFacts />
        </>
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
    if (!file) return;
    const { name, text: content } = await readTextFile(file);
    await importRecords(name, content);
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
      {imported && <ImportedRecords set={imported} />}
    </div>
  );
}
