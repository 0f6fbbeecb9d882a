/** A model by its name on the hub: the name, which hub, as whom; and how the download goes. */
import { useId, useState, type SyntheticEvent } from 'react';
import { Button } from '../shared/Button.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import panel from '../shared/Panel.module.css';
import { useStore } from '../store/index.ts';
import { DEFAULT_HUB } from '../store/models.ts';
import { DownloadStatus } from './DownloadStatus.tsx';
import styles from './ModelsDialog.module.css';

export function HubForm() {
  const nameId = useId();
  const [name, setName] = useState('');
  const download = useStore((state) => state.download);
  const start = useStore((state) => state.downloadModel);
  const note = useStore((state) => state.downloadNote);

  function submit(event: SyntheticEvent): void {
    event.preventDefault();
    if (name.trim() !== '') void start(name);
  }

  return (
    <section aria-label="From the hub" className={panel.stack}>
      <h3>From the Hugging Face hub</h3>
      <form className={styles.hub} onSubmit={submit}>
        <label className={panel.field} htmlFor={nameId}>
          <span className={panel.label}>Name of the model</span>
          <input
            id={nameId}
            className={panel.input}
            value={name}
            placeholder="owner/name, or owner/name@revision"
            autoComplete="off"
            autoCapitalize="off"
            spellCheck={false}
            onChange={(event) => setName(event.target.value)}
          />
        </label>
        <Button variant="primary" type="submit" icon="down" disabled={name.trim() === '' || download !== null}>
          Download and open
        </Button>
      </form>
      <HubSettings />
      <DownloadStatus />
      <Trouble />
      {note !== null && (
        <p role="status" className={styles.notice}>
          {note}
        </p>
      )}
    </section>
  );
}

function HubSettings() {
  const id = useId();
  const endpoint = useStore((state) => state.hubEndpoint);
  const setEndpoint = useStore((state) => state.setHubEndpoint);
  const token = useStore((state) => state.hubToken);
  const setToken = useStore((state) => state.setHubToken);
  const needed = useStore((state) => state.downloadFailure?.failure.code === 'access');
  const [shown, setShown] = useState(false);
  return (
    <details
      className={styles.settings}
      // Opened for the one who is told that a token is needed.
      open={shown || needed}
      onToggle={(event) => setShown(event.currentTarget.open)}
    >
      <summary>Access token and address of the hub</summary>
      <div className={styles.fields}>
        <div className={panel.field}>
          <label className={panel.label} htmlFor={`${id}-token`}>
            Access token
          </label>
          <input
            id={`${id}-token`}
            className={panel.input}
            type="password"
            value={token}
            placeholder="hf_…"
            autoComplete="off"
            aria-describedby={`${id}-token-note`}
            onChange={(event) => setToken(event.target.value)}
          />
          <span id={`${id}-token-note`} className={panel.small}>
            For gated and private models. It goes to the hub alone, and is forgotten when you leave the page.
          </span>
        </div>
        <div className={panel.field}>
          <label className={panel.label} htmlFor={`${id}-hub`}>
            Address of the hub
          </label>
          <input
            id={`${id}-hub`}
            className={panel.input}
            type="url"
            value={endpoint}
            placeholder={DEFAULT_HUB}
            spellCheck={false}
            aria-describedby={`${id}-hub-note`}
            onChange={(event) => setEndpoint(event.target.value)}
          />
          <span id={`${id}-hub-note`} className={panel.small}>
            Or of a mirror that lets pages read it (CORS).
          </span>
        </div>
      </div>
    </details>
  );
}

function Trouble() {
  const trouble = useStore((state) => state.downloadFailure);
  const start = useStore((state) => state.downloadModel);
  const endpoint = useStore((state) => state.hubEndpoint);
  if (!trouble) return null;
  const { model, failure } = trouble;
  const hasBytes = /bytes of .* are kept|so far is kept/.test(failure.kept);
  const page = `${endpoint.replace(/\/+$/, '')}/${model.trim().split('@')[0]}`;
  return (
    <>
      <FailureNotice
        title={`“${model.trim()}” could not be downloaded.`}
        failure={failure}
        action={
          failure.code === 'input'
            ? undefined
            : { label: hasBytes ? 'Go on with the download' : 'Try again', onAct: () => void start(model) }
        }
      />
      {failure.code === 'access' && !model.includes(':') && (
        <a className={panel.small} href={page} target="_blank" rel="noreferrer">
          Open the model’s page on the hub
        </a>
      )}
    </>
  );
}
