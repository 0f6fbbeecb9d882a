/** What is here already: the demo model that ships, and what this browser keeps; how much room that takes. */
import { useState } from 'react';
import type { KeptModel, ModelShelf } from '../../worker/models-api.ts';
import { formatBytes, formatDate } from '../format.ts';
import { Button } from '../shared/Button.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import panel from '../shared/Panel.module.css';
import { Progress } from '../shared/Progress.tsx';
import { useStore } from '../store/index.ts';
import { lockedBy } from '../store/trace.ts';
import styles from './ModelsDialog.module.css';

export function KeptModels() {
  const shelf = useStore((state) => state.shelf);
  const failure = useStore((state) => state.shelfFailure);
  const isDemo = useStore((state) => state.model !== null && state.modelLocation.kind === 'demo');
  const openDemo = useStore((state) => state.openDemo);
  const lock = useStore(lockedBy);
  return (
    <section aria-label="Here already" className={panel.stack}>
      <h3>Here already</h3>
      <ul className={styles.list}>
        <li className={styles.row}>
          <div className={styles.words}>
            <strong>The demo model</strong>
            <span className={panel.small}>Ships with the page, with facts, statistics and a benchmark of its own.</span>
          </div>
          {isDemo ? (
            <OpenMark />
          ) : (
            <Button disabled={lock !== null} onClick={() => void openDemo()}>
              Back to the demo model
            </Button>
          )}
        </li>
        {shelf?.models.map((model) => (
          <KeptRow key={`${model.id}@${model.commit}`} model={model} />
        ))}
      </ul>
      {failure && <FailureNotice title="The kept models:" failure={failure} />}
      {shelf && <Room shelf={shelf} />}
    </section>
  );
}

function OpenMark() {
  return <span className={styles.mark}>Open now</span>;
}

function KeptRow({ model }: { model: KeptModel }) {
  const { id, commit, revision, bytes, totalBytes, whole, keptAt } = model;
  const isOpen = useStore(
    ({ modelLocation: from }) => from.kind === 'kept' && from.id === id && from.commit === commit,
  );
  const downloading = useStore((state) => state.download !== null);
  const lock = useStore(lockedBy);
  const open = useStore((state) => state.openKept);
  const resume = useStore((state) => state.downloadModel);
  const remove = useStore((state) => state.deleteKept);
  const [sure, setSure] = useState(false);
  const version = revision === commit ? commit.slice(0, 7) : `${revision}, ${commit.slice(0, 7)}`;
  return (
    <li className={styles.row} aria-label={id}>
      <div className={styles.words}>
        <strong>{id}</strong>
        <span className={panel.small}>
          {whole ? formatBytes(bytes) : `${formatBytes(bytes)} of ${formatBytes(totalBytes)} have come`} · {version} ·{' '}
          {formatDate(keptAt)}
        </span>
        {!whole && !downloading && <Progress label={`Downloaded of ${id}`} fraction={bytes / totalBytes} />}
      </div>
      <div className={styles.acts}>
        {isOpen ? (
          <OpenMark />
        ) : whole ? (
          <Button disabled={lock !== null} onClick={() => void open(model)}>
            Open
          </Button>
        ) : (
          <Button disabled={downloading} onClick={() => void resume(revision === 'main' ? id : `${id}@${revision}`)}>
            Go on
          </Button>
        )}
        {!isOpen && !downloading && (
          <Button
            variant="quiet"
            aria-label={sure ? `Really delete ${id}` : `Delete ${id}`}
            onBlur={() => setSure(false)}
            onClick={() => {
              if (sure) void remove(model);
              setSure(!sure);
            }}
          >
            {sure ? 'Really delete?' : 'Delete'}
          </Button>
        )}
      </div>
    </li>
  );
}

function Room({ shelf: { models, lasting, usedBytes, quotaBytes, persisted } }: { shelf: ModelShelf }) {
  const keep = useStore((state) => state.keepForGood);
  if (!lasting) {
    return (
      <p className={panel.small}>
        This browser gives the page no files of its own here (a private window, or no HTTPS): what is downloaded lasts
        for this visit.
      </p>
    );
  }
  return (
    <div className={styles.room}>
      <span className={panel.small}>
        {usedBytes !== null && quotaBytes !== null && (
          <>
            The page stores {formatBytes(usedBytes)} of the {formatBytes(quotaBytes)} that this browser allows it.{' '}
          </>
        )}
        {persisted === true && 'The browser has promised not to clear them by itself.'}
        {persisted === false && models.length > 0 && 'When the disk gets full, the browser may clear them.'}
      </span>
      {persisted === false && models.length > 0 && <Button onClick={() => void keep()}>Ask it to keep them</Button>}
    </div>
  );
}
