/** The four phases of a run, each with its bar and the time it still needs. */
import type { RunPhase } from '../../worker/api.ts';
import { formatTimeLeft } from '../format.ts';
import { Progress } from '../shared/Progress.tsx';
import { useStore } from '../store/index.ts';
import { PHASES, type PhaseProgress, type RunView } from '../store/run.ts';
import styles from './Phases.module.css';

const names: Record<RunPhase, { name: string; purpose: string }> = {
  contexts: { name: 'Contexts', purpose: 'short sentences to put before the prompts' },
  statistics: { name: 'Statistics', purpose: 'what ordinary text looks like to the layers' },
  targets: { name: 'Targets', purpose: 'the states that make the model say the new objects' },
  spread: { name: 'Spread', purpose: 'the change of the weights, layer by layer' },
};

type PhaseState = 'waiting' | 'active' | 'stopped' | 'done';

function stateOf(run: RunView | null, phase: RunPhase): PhaseState {
  if (!run) return 'waiting';
  if (run.status === 'done') return 'done';
  const latest = PHASES.findLastIndex((candidate) => run.phases[candidate] !== undefined);
  const at = PHASES.indexOf(phase);
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
  return (
    <ol className={styles.phases}>
      {PHASES.map((phase) => {
        const state = stateOf(run, phase);
        const progress = run?.phases[phase];
        const share = progress && progress.total > 0 ? progress.done / progress.total : null;
        const { name, purpose } = names[phase];
        return (
          <li key={phase} className={`${styles.phase} ${styles[state]}`}>
            <span className={styles.name}>{name}</span>
            <Progress label={name} fraction={state === 'done' ? 1 : state === 'waiting' ? 0 : share} />
            <span className={styles.words}>{wordsFor(state, progress, purpose)}</span>
          </li>
        );
      })}
    </ol>
  );
}
