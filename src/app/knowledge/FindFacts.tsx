/** Which of the facts that ship the model knows, and the button that asks it for more. */
import { useId } from 'react';
import { formatCount, formatTimeLeft } from '../format.ts';
import bar from '../run/RunBar.module.css';
import { Button } from '../shared/Button.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import panel from '../shared/Panel.module.css';
import { Progress } from '../shared/Progress.tsx';
import { useStore } from '../store/index.ts';
import { findDisabledReason, RECORD_COUNTS, type FindTask, type RecordCount } from '../store/knowledge.ts';
import type { KnowledgeCounts } from '../../worker/knowledge-api.ts';
import styles from './FindFacts.module.css';

/** Nothing for a model that came with facts of its own. */
export function FindFacts() {
  const counts = useStore((state) => state.knowledge?.counts ?? null);
  return counts && <Found counts={counts} />;
}

function Found({ counts }: { counts: KnowledgeCounts }) {
  const id = useId();
  const disabledReason = useStore(findDisabledReason);
  const task = useStore((state) => state.findTask);
  const count = useStore((state) => state.recordCount);
  const choose = useStore((state) => state.chooseRecordCount);
  const find = useStore((state) => state.findFacts);
  const cancel = useStore((state) => state.cancel);
  const running = task?.status === 'running';
  const names: Record<RecordCount, string> = {
    '0': 'no records',
    '1000': '1,000 records',
    all: `all ${formatCount(counts.records.of)} records`,
  };
  return (
    <div className={styles.facts} role="group" aria-label="Facts this model knows">
      <p id={`${id}-found`} className={panel.small}>
        {wordsOf(counts)}
      </p>
      <div className={bar.bar}>
        <Button
          disabled={disabledReason !== null}
          title={disabledReason ?? undefined}
          aria-describedby={`${id}-found`}
          onClick={() => void find()}
        >
          Find facts this model knows
        </Button>
        <label htmlFor={id}>and ask</label>
        <select
          id={id}
          className={`${panel.input} ${styles.count}`}
          value={count}
          disabled={running}
          onChange={(event) => choose(event.target.value as RecordCount)}
        >
          {RECORD_COUNTS.map((value) => (
            <option key={value} value={value}>
              {names[value]}
            </option>
          ))}
        </select>
        {running && <Button onClick={() => void cancel()}>Cancel</Button>}
      </div>
      {running && (
        <>
          <Progress label="Finding facts" fraction={task.total > 0 ? task.done / task.total : null} />
          <p className={panel.small}>{progressOf(task)}</p>
        </>
      )}
      {task?.status === 'failed' && task.failure && (
        <FailureNotice title="The model could not be asked for facts." failure={task.failure} />
      )}
    </div>
  );
}

function wordsOf({ prompts, records }: KnowledgeCounts): string {
  const facts =
    prompts.asked === 0
      ? `Not asked yet: ${formatCount(prompts.of)} prompts of known_1000, for traces.`
      : `It answers ${formatCount(prompts.known)} of ${formatCount(prompts.asked)} prompts of known_1000 with their object.`;
  const found =
    records.asked === 0
      ? `${formatCount(records.of)} records of CounterFact, for benchmarks, are asked as they are drawn.`
      : `Of ${formatCount(records.asked)} records of CounterFact it finds the true object likelier than the new one in ${formatCount(records.preferred)}.`;
  return `${facts} ${found}`;
}

function progressOf({ stage, done, total, secondsLeft }: FindTask): string {
  const count = total > 0 ? `${formatCount(done)} of ${formatCount(total)}` : '';
  const left = secondsLeft === null ? '' : formatTimeLeft(secondsLeft);
  return [stage, count, left].filter((part) => part !== '').join(' · ');
}
