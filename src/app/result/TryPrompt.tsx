/** A free prompt: the unedited model beside the model as it is now. */
import { useId } from 'react';
import { Button } from '../shared/Button.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import panel from '../shared/Panel.module.css';
import { useStore } from '../store/index.ts';
import { BeforeAfter } from './BeforeAfter.tsx';
import styles from './TryPrompt.module.css';

export function TryPrompt() {
  const id = useId();
  const ready = useStore(
    (state) => state.model !== null && state.workerLost === null && state.run?.status !== 'running',
  );
  const example = useStore((state) => Object.values(state.inspections)[0]?.row.fullPrompt ?? 'The Eiffel Tower is in');
  const prompt = useStore((state) => state.freePrompt);
  const result = useStore((state) => state.freeResult);
  const busy = useStore((state) => state.freeBusy);
  const failure = useStore((state) => state.freeFailure);
  const setFreePrompt = useStore((state) => state.setFreePrompt);
  const tryFreePrompt = useStore((state) => state.tryFreePrompt);
  return (
    <section className={panel.card} aria-label="Free prompt">
      <h2>
        <label htmlFor={id}>Try any prompt</label>
      </h2>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          void tryFreePrompt();
        }}
      >
        <input
          id={id}
          className={panel.input}
          value={prompt}
          placeholder={example}
          autoComplete="off"
          onChange={(event) => setFreePrompt(event.target.value)}
        />
        <Button type="submit" disabled={!ready || busy || prompt.trim() === ''}>
          {busy ? 'Asking…' : 'Ask both'}
        </Button>
      </form>
      {failure && (
        <FailureNotice
          title="The prompt could not be tried."
          failure={failure}
          action={{ label: 'Try again', onAct: () => void tryFreePrompt() }}
        />
      )}
      <div className={styles.space} aria-busy={busy} aria-live="polite">
        {result ? (
          <BeforeAfter comparison={result} names={['Unedited model', 'Model as it is now']} />
        ) : (
          <p className={panel.small}>
            The unedited model and the model with all enabled patches continue the same words, side by side.
          </p>
        )}
      </div>
    </section>
  );
}
