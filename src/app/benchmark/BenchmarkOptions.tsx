/** How a benchmark is made: where its edit starts from, and whether the model writes texts as well. */
import { formatPlural } from '../format.ts';
import { readTextFile } from '../read-file.ts';
import { Check } from '../shared/Check.tsx';
import { FileButton } from '../shared/FileButton.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import panel from '../shared/Panel.module.css';
import { useStore } from '../store/index.ts';
import styles from './BenchmarkOptions.module.css';
import { TABLE_FILES } from './table-files.ts';

export function BenchmarkOptions() {
  const unedited = useStore((state) => state.benchmarkUnedited);
  const setUnedited = useStore((state) => state.setBenchmarkUnedited);
  const texts = useStore((state) => state.benchmarkTexts);
  const setTexts = useStore((state) => state.setBenchmarkTexts);
  const running = useStore((state) => state.benchmarkTask?.status === 'running');
  return (
    <div className={styles.options} role="group" aria-label="Options">
      <Check
        label="Edit the unedited model"
        sentence="The run does not build on the patches that are on now; they are switched off, so that settings can be compared from the same start."
        checked={unedited}
        disabled={running}
        onChange={setUnedited}
      />
      <Check
        label="Let it write texts"
        sentence="Continues the records’ generation prompts to 100 tokens each, before and after, for fluency (GE) and consistency (RS). Takes much longer."
        checked={texts}
        disabled={running}
        onChange={setTexts}
      />
      {texts && <ReferencesField disabled={running} />}
    </div>
  );
}

function ReferencesField({ disabled }: { disabled: boolean }) {
  const references = useStore((state) => state.references);
  const failure = useStore((state) => state.referencesFailure);
  const importReferences = useStore((state) => state.importReferences);
  return (
    <>
      <span className={styles.references}>
        <FileButton
          label="Reference texts file"
          accept={TABLE_FILES}
          disabled={disabled}
          onChoose={(file) => void readTextFile(file).then(({ name, text }) => importReferences(name, text))}
        >
          Reference texts…
        </FileButton>
        <span className={panel.small} role="status">
          {references
            ? `${references.name}: ${formatPlural(references.texts, 'text')} about ${formatPlural(references.objects, 'object')}.`
            : 'Consistency (RS) needs texts about the new objects: attribute_snippets.json, or a table of object and text. Without them it is not available.'}
        </span>
      </span>
      {failure && <FailureNotice title="The reference texts could not be read." failure={failure} />}
    </>
  );
}
