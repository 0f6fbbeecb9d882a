/** The phases of a run, each with its bar and the time it still needs; before there is one, those of the next. */
import type { MethodPhase } from '../../worker/api.ts';
import { formatTimeLeft } from '../format.ts';
import { Progress } from '../shared/Progress.tsx';
import { useStore } from '../store/index.ts';
import { chosenMethod } from '../store/method.ts';
import type { PhaseProgress, RunView } from '../store/run.ts';
import styles from './Phases.module.css';

type PhaseState = 'waiting' | 'active' | 'stopped' | 'done';

function stateOf(run: RunView | null, phase: MethodPhase): PhaseState {
  if (!run) return 'waiting';
  if (run.status === 'done') return 'done';
  const latest = run.phases.findLastIndex(({ id }) => run.progress[id] !== undefined);
  const at = run.phases.indexOf(phase);
  if (at < latest) return 'done';
  if (at !== latest) return 'waiting';
  return run.status === 'running' ? 'active' : 'stopped';
}

function wordsFor(state: PhaseState, progress: PhaseProgress | undefined, purpose: string): string {
  if (state === 'waiting') return purpose;
  if (state === 'done') return progress === undefined || progress.detail === '' ? 'done' : progress.detail;
  const left = state === 'active' ? progress?.secondsLeft : null;
  const parts = [
    progress?.detail ?? '',
    state === 'stopped' ? 'stopped' : '',
    left == null ? '' : formatTimeLeft(left),
  ];
  return parts.filter((part) => part !== '').join(' · ') || purpose;
}

export function Phases() {
  const run = useStore((state) => state.run);
  const method = useStore(chosenMethod);
  const phases = run?.phases ?? method?.phases;
  if (!phases) return <div className={styles.space} />;
  return (
    <ol className={styles.phases}>
      {phases.map((phase) => {
        const { id, label, purpose } = phase;
        const state = stateOf(run, phase);
        const progress = run?.progress[id];
        const share = progress && progress.total > 0 ? progress.done / progress.total : null;
        return (
          <li key={id} className={`${styles.phase} ${styles[state]}`}>
            <span className={styles.name}>{label}</span>
            <Progress label={label} fraction={state === 'done' ? 1 : state === 'waiting' ? 0 : share} />
            <span className={styles.words}>{wordsFor(state, progress, purpose)}</span>
          </li>
        );
      })}
    </ol>
  );
}
