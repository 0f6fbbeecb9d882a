/** Which prompt is read, the button, and how far it is or why it cannot start. */
import { useId } from 'react';
import { formatTimeLeft } from '../format.ts';
import bar from '../run/RunBar.module.css';
import { Button } from '../shared/Button.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import panel from '../shared/Panel.module.css';
import { Progress } from '../shared/Progress.tsx';
import { PromptOptions } from '../shared/PromptOptions.tsx';
import { Term } from '../shared/Tip.tsx';
import { useStore } from '../store/index.ts';
import { lensDisabledReason } from '../store/lens.ts';
import { draftToTrace } from '../store/trace.ts';

const OWN = 'own';

export function LensBar() {
  const disabledReason = useStore((state) => lensDisabledReason(state));
  const task = useStore((state) => state.lensTask);
  const read = useStore((state) => state.readLens);
  const cancel = useStore((state) => state.cancel);
  const running = task?.status === 'running';
  const noteId = useId();
  return (
    <>
      <PromptChoice />
      <div className={bar.bar}>
        <Button
          variant="primary"
          disabled={disabledReason !== null}
          aria-describedby={noteId}
          onClick={() => void read()}
        >
          Read layers
        </Button>
        <Button disabled={!running} onClick={() => void cancel()}>
          Cancel
        </Button>
        <p id={noteId} className={disabledReason === null || running ? bar.note : `${bar.note} ${bar.disabledReason}`}>
          {running
            ? [`Layer ${task.done} of ${task.total}`, task.secondsLeft === null ? '' : formatTimeLeft(task.secondsLeft)]
                .filter((part) => part !== '')
                .join(' · ')
            : (disabledReason ?? (
                <>
                  <Term name="lens">Reads</Term> what the model would say if it ended after each layer, without the
                  patches and with them.
                </>
              ))}
        </p>
      </div>
      <Progress
        label="Lens"
        fraction={running ? (task.total > 0 ? task.done / task.total : null) : task?.status === 'done' ? 1 : 0}
      />
      {task?.status === 'failed' && task.failure && (
        <FailureNotice
          title="The layers could not be read."
          failure={task.failure}
          action={disabledReason === null ? { label: 'Read again', onAct: () => void read() } : undefined}
        />
      )}
    </>
  );
}

function PromptChoice() {
  const id = useId();
  const ownId = useId();
  const own = useStore((state) => state.lensOwn);
  const prompt = useStore((state) => state.lensPrompt);
  const chosen = useStore((state) => draftToTrace(state)?.id ?? '');
  const choose = useStore((state) => state.chooseTraceDraft);
  const setOwn = useStore((state) => state.setLensOwn);
  const setPrompt = useStore((state) => state.setLensPrompt);
  const read = useStore((state) => state.readLens);
  return (
    <>
      <div className={panel.field}>
        <label className={panel.label} htmlFor={id}>
          Prompt
        </label>
        <select
          id={id}
          className={panel.input}
          value={own ? OWN : chosen}
          onChange={({ target: { value } }) => {
            setOwn(value === OWN);
            if (value !== OWN) choose(value);
          }}
        >
          <PromptOptions chosen={chosen} />
          <option value={OWN}>A prompt of your own…</option>
        </select>
      </div>
      {own && (
        <form
          className={panel.field}
          onSubmit={(event) => {
            event.preventDefault();
            void read();
          }}
        >
          <label className={panel.label} htmlFor={ownId}>
            Your prompt
          </label>
          <input
            id={ownId}
            className={panel.input}
            value={prompt}
            autoComplete="off"
            placeholder="The Eiffel Tower is in"
            onChange={(event) => setPrompt(event.target.value)}
          />
        </form>
      )}
    </>
  );
}
