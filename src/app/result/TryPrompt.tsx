/** Prompts of one's own, one a line: the unedited model beside the model as it is now, with the words that differ marked. */
import { useId, type KeyboardEvent } from 'react';
import type { FreeComparison } from '../../worker/api.ts';
import { formatProbability, formatToken } from '../format.ts';
import { Button } from '../shared/Button.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import panel from '../shared/Panel.module.css';
import { Segments } from '../shared/Segments.tsx';
import { promptsOf } from '../store/free-prompts.ts';
import { useStore } from '../store/index.ts';
import { BeforeAfter, Continued } from './BeforeAfter.tsx';
import styles from './TryPrompt.module.css';
import { wordChanges } from './word-changes.ts';

const SIDES: [before: string, after: string] = ['Unedited model', 'Model as it is now'];

export function TryPrompt() {
  const id = useId();
  const ready = useStore(
    (state) => state.model !== null && state.workerLost === null && state.run?.status !== 'running',
  );
  const example = useStore((state) => Object.values(state.inspections)[0]?.row.fullPrompt ?? 'The Eiffel Tower is in');
  const text = useStore((state) => state.freeText);
  const sampled = useStore((state) => state.freeSampled);
  const results = useStore((state) => state.freeResults);
  const busy = useStore((state) => state.freeBusy);
  const failure = useStore((state) => state.freeFailure);
  const setFreeText = useStore((state) => state.setFreeText);
  const setFreeSampled = useStore((state) => state.setFreeSampled);
  const tryFreePrompts = useStore((state) => state.tryFreePrompts);
  const usable = ready && busy === null && promptsOf(text).length > 0;

  function onKeyDown(event: KeyboardEvent): void {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    if (usable) void tryFreePrompts();
  }

  return (
    <section className={panel.card} aria-label="Free prompt">
      <div className={panel.head}>
        <h2>
          <label htmlFor={id}>Try any prompt</label>
        </h2>
        <Segments
          label="How words are chosen"
          value={sampled ? 'sampled' : 'greedy'}
          options={[
            { value: 'greedy', name: 'Likeliest' },
            { value: 'sampled', name: 'Sampled' },
          ]}
          onChoose={(choice) => setFreeSampled(choice === 'sampled')}
        />
      </div>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          void tryFreePrompts();
        }}
      >
        <textarea
          id={id}
          className={`${panel.input} ${styles.prompts}`}
          rows={1}
          value={text}
          placeholder={example}
          aria-describedby={`${id}-note`}
          autoComplete="off"
          onChange={(event) => setFreeText(event.target.value)}
          onKeyDown={onKeyDown}
        />
        <Button type="submit" disabled={!usable}>
          {busy === null ? 'Ask both' : busy.total > 1 ? `${busy.done} of ${busy.total}…` : 'Asking…'}
        </Button>
      </form>
      <p id={`${id}-note`} className={panel.small}>
        One prompt a line: Shift and Enter make a new one, Enter asks.
        {sampled && ' Each next word is drawn from the five likeliest, with the same luck for both models.'}
      </p>
      {failure && (
        <FailureNotice
          title="The prompts could not be tried."
          failure={failure}
          action={{ label: 'Try again', onAct: () => void tryFreePrompts() }}
        />
      )}
      <div className={styles.space} aria-busy={busy !== null}>
        {results.length === 0 && (
          <p className={panel.small}>
            The unedited model and the model with all enabled patches continue the same words, side by side.
          </p>
        )}
        {sampled && results.length > 0 && (
          <Button icon="undo" disabled={!usable} onClick={() => void tryFreePrompts(true)}>
            Draw again
          </Button>
        )}
        {results.length === 1 && <BeforeAfter comparison={results[0]} names={SIDES} />}
        {results.length > 1 && (
          <ol className={styles.results} aria-label="Answers of both models">
            {results.map((comparison, i) => (
              <Answers key={i} comparison={comparison} />
            ))}
          </ol>
        )}
      </div>
    </section>
  );
}

/** One of several prompts: both texts, and the likeliest words when it is opened. */
function Answers({ comparison }: { comparison: FreeComparison }) {
  const { prompt, continuationBefore, continuationAfter, before, after } = comparison;
  const { before: old, after: now } = wordChanges(continuationBefore, continuationAfter);
  const same = continuationBefore === continuationAfter;
  return (
    <li className={styles.answer}>
      <p className={styles.prompt}>{prompt}</p>
      <dl className={styles.texts}>
        <dt>before</dt>
        <dd>
          <Continued pieces={old} tone="before" />
          <span className={styles.top}>
            {formatToken(before[0].token)} {formatProbability(before[0].probability)}
          </span>
        </dd>
        <dt>after</dt>
        <dd>
          {same ? 'the same' : <Continued pieces={now} tone="after" />}
          <span className={styles.top}>
            {formatToken(after[0].token)} {formatProbability(after[0].probability)}
          </span>
        </dd>
      </dl>
      <details>
        <summary>Likeliest next words</summary>
        <BeforeAfter comparison={comparison} names={SIDES} />
      </details>
    </li>
  );
}
