/** The top of the page: name, model, job, and the page's own controls; load failures appear right below. */
import { DownloadChip } from '../models/DownloadStatus.tsx';
import { ModelNotes } from '../models/ModelNotes.tsx';
import { ModelsDialog } from '../models/ModelsDialog.tsx';
import { Button } from '../shared/Button.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import { useStore } from '../store/index.ts';
import styles from './Header.module.css';
import { HelpDialog } from './HelpDialog.tsx';
import { JobStatus } from './JobStatus.tsx';
import { LoadProgress } from './LoadProgress.tsx';
import { ModelBadge } from './ModelBadge.tsx';
import { Tour } from './Tour.tsx';
import { ThemeSwitch } from './ThemeSwitch.tsx';

export function Header() {
  const showModels = useStore((state) => state.showModels);
  const setHelpOpen = useStore((state) => state.setHelpOpen);
  const loading = useStore((state) => state.loading !== null);
  const busy = useStore((state) => state.job !== null);
  return (
    <header className={styles.header}>
      <div className={styles.bar}>
        <h1 className={styles.name}>MEMIT Playground</h1>
        {loading ? (
          <LoadProgress />
        ) : (
          <div className={busy ? `${styles.state} ${styles.busy}` : styles.state}>
            <ModelBadge />
            <JobStatus />
          </div>
        )}
        <div className={styles.controls}>
          <Button icon="folder" onClick={() => showModels(true)}>
            Open model…
          </Button>
          <DownloadChip />
          <ThemeSwitch />
          <Button variant="quiet" icon="help" aria-label="Help" title="Help (?)" onClick={() => setHelpOpen(true)} />
        </div>
      </div>
      <LoadTrouble />
      {!crossOriginIsolated && (
        <p className={styles.note}>
          WASM runs on one thread here: this host does not send the COOP and COEP headers that threads need.
        </p>
      )}
      <Tour />
      <ModelNotes />
      <ModelsDialog />
      <HelpDialog />
    </header>
  );
}

function LoadTrouble() {
  const lost = useStore((state) => state.workerLost);
  const failure = useStore((state) => state.loadFailure);
  const wanted = useStore((state) => state.failedLocation ?? state.modelLocation);
  const hasModel = useStore((state) => state.model !== null);
  const dismiss = useStore((state) => state.dismissLoadFailure);
  const restart = useStore((state) => state.restart);
  const load = useStore((state) => state.load);
  if (lost) {
    return (
      <div className={styles.trouble}>
        <FailureNotice
          title="The model stopped."
          failure={lost}
          action={{ label: 'Restart the model', onAct: () => void restart() }}
        />
      </div>
    );
  }
  if (!failure) return null;
  const again =
    failure.code === 'version'
      ? { label: 'Reload the page', onAct: () => location.reload() }
      : { label: 'Try again', onAct: () => void load(wanted) };
  return (
    <div className={styles.trouble}>
      <FailureNotice
        title="The model could not be loaded."
        failure={failure}
        action={again}
        // Without a model there is nothing else to see.
        onDismiss={hasModel ? dismiss : undefined}
      />
    </div>
  );
}
