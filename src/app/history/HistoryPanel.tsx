/** The stack of patches, newest on top, and what can be taken home. */
import { Button } from '../shared/Button.tsx';
import { FileButton } from '../shared/FileButton.tsx';
import { Empty } from '../shared/Empty.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import panel from '../shared/Panel.module.css';
import { Term } from '../shared/Tip.tsx';
import { useStore } from '../store/index.ts';
import { lockedBy } from '../store/trace.ts';
import { DownloadMenu } from './DownloadMenu.tsx';
import styles from './HistoryPanel.module.css';
import { PatchCard } from './PatchCard.tsx';
import { SetAside } from './SetAside.tsx';

export function HistoryPanel() {
  const patches = useStore((state) => state.history.patches);
  const aside = useStore((state) => state.history.aside);
  const undoLabel = useStore((state) => state.history.undoLabel);
  const trouble = useStore((state) => state.historyFailure);
  const dismiss = useStore((state) => state.dismissHistoryFailure);
  const undo = useStore((state) => state.undo);
  const importPatch = useStore((state) => state.importPatch);
  const lock = useStore(lockedBy);
  const busy = useStore((state) => state.historyBusy !== null);
  const ready = useStore((state) => state.model !== null && state.workerLost === null);
  const locked = lock !== null || busy || !ready;
  return (
    <div className={panel.stack}>
      <h2 tabIndex={-1} data-history-head="">
        History
      </h2>
      <div className={styles.tools}>
        <DownloadMenu />
        <Button
          icon="undo"
          disabled={locked || undoLabel === null}
          title={undoLabel === null ? 'Nothing to undo' : `Undo: ${undoLabel} (Ctrl+Z)`}
          onClick={() => void undo()}
        >
          Undo
        </Button>
        <FileButton label="Patch file" disabled={locked} onChoose={(file) => void importPatch(file)}>
          Import patch…
        </FileButton>
      </div>
      {lock !== null && <p className={panel.small}>The history can be changed when the {lock} has ended.</p>}
      {trouble && (
        <FailureNotice
          title="That did not work."
          failure={trouble.failure}
          action={trouble.retry ? { label: 'Try again', onAct: () => void trouble.retry?.() } : undefined}
          onDismiss={dismiss}
        />
      )}
      {aside.length > 0 && <SetAside entries={aside} locked={locked} />}
      {patches.length === 0 && (
        <Empty title="No patch yet">
          <p>
            Every run puts a <Term name="patch" /> here. Switch it off and the model is as before; switch it on again;
            download the edited weights.
          </p>
        </Empty>
      )}
      <ol className={panel.stack} aria-label="Patches, newest first" reversed>
        {patches.toReversed().map((patch) => (
          <li key={patch.id}>
            <PatchCard patch={patch} locked={locked} />
          </li>
        ))}
      </ol>
    </div>
  );
}
