/** Patches that lie in this browser and cannot be read: they stay there until the user takes or deletes them. */
import type { HistoryState } from '../../worker/api.ts';
import { Button } from '../shared/Button.tsx';
import panel from '../shared/Panel.module.css';
import { useStore } from '../store/index.ts';
import styles from './SetAside.module.css';

export function SetAside({ entries, locked }: { entries: HistoryState['aside']; locked: boolean }) {
  const saveAside = useStore((state) => state.saveAside);
  const discardAside = useStore((state) => state.discardAside);
  return (
    <section className={panel.card} aria-label="Set aside">
      <h3>Set aside</h3>
      <p className={panel.small}>Stored in this browser, but not readable as patches of this model. They are kept.</p>
      <ul className={styles.entries}>
        {entries.map(({ id, name, reason }) => (
          <li key={id}>
            <p>
              <strong>{name}</strong> could not be read: {reason}
            </p>
            <div className={styles.tools}>
              <Button icon="down" disabled={locked} aria-label={`Download ${name}`} onClick={() => void saveAside(id)}>
                Download
              </Button>
              <Button
                variant="quiet"
                disabled={locked}
                aria-label={`Delete ${name} for good`}
                onClick={() => void discardAside(id)}
              >
                Delete for good
              </Button>
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}
