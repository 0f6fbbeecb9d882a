/** Models to begin with, for those who have no name in mind. */
import { formatBytes, formatParameters } from '../format.ts';
import { Button } from '../shared/Button.tsx';
import panel from '../shared/Panel.module.css';
import { Tip } from '../shared/Tip.tsx';
import { useStore } from '../store/index.ts';
import styles from './ModelsDialog.module.css';
import { SUGGESTED_MODELS, type SuggestedModel } from './suggested-models.ts';

export function SuggestedModels() {
  const kept = useStore((state) => state.shelf?.models);
  const models = SUGGESTED_MODELS.filter(({ id }) => !kept?.some((model) => model.id === id));
  if (models.length === 0) return null;
  return (
    <section aria-label="Suggested" className={panel.stack}>
      <h3>Suggested</h3>
      <ul className={styles.list}>
        {models.map((model) => (
          <SuggestedRow key={model.id} model={model} />
        ))}
      </ul>
    </section>
  );
}

function SuggestedRow({ model: { id, parameters, bytes, needs, gated, measured } }: { model: SuggestedModel }) {
  const downloading = useStore((state) => state.download !== null);
  const start = useStore((state) => state.downloadModel);
  const [owner, name] = id.split('/');
  return (
    <li className={styles.row}>
      <div className={styles.words}>
        <span className={styles.name}>
          <span className={panel.muted}>{owner}/</span>
          <strong>{name}</strong>
        </span>
        <span className={panel.small}>
          {formatParameters(parameters)} parameters · {formatBytes(bytes)} · {needs}
          {measured && (
            <>
              {' · '}
              <Tip text="Edits of this model were measured with this playground; the documentation has the numbers.">
                measured here
              </Tip>
            </>
          )}
          {gated && (
            <>
              {' · '}
              <Tip text="Its makers want to know who downloads it: accept the licence on its page of the hub, then give an access token above.">
                gated
              </Tip>
            </>
          )}
        </span>
      </div>
      <Button icon="down" disabled={downloading} aria-label={`Download ${id}`} onClick={() => void start(id)}>
        Download
      </Button>
    </li>
  );
}
