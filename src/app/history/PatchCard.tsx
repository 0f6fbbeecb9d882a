/** One patch: its switch, what it holds, and what can be done with it. */
import { DropdownMenu, Switch } from 'radix-ui';
import { useRef, useState } from 'react';
import type { PatchSummary } from '../../worker/api.ts';
import { formatDate, formatPlural, formatProbability, formatSeconds } from '../format.ts';
import type { GlossaryTerm } from '../glossary.ts';
import { Button } from '../shared/Button.tsx';
import menu from '../shared/Menu.module.css';
import panel from '../shared/Panel.module.css';
import { Term } from '../shared/Tip.tsx';
import { briefWords } from '../setting-words.ts';
import { shownPatch } from '../store/compare.ts';
import { useStore } from '../store/index.ts';
import { methodOf } from '../store/method.ts';
import styles from './PatchCard.module.css';

interface PatchCardProps {
  patch: PatchSummary;
  /** Nothing can be changed just now. */
  locked: boolean;
}

/** Edits named on the card; the rest is counted. */
const NAMED = 4;

export function PatchCard({ patch, locked }: PatchCardProps) {
  const [renaming, setRenaming] = useState(false);
  const shown = useStore((state) => state.workTab === 'result' && shownPatch(state)?.id === patch.id);
  const method = useStore((state) => methodOf(state, patch.method));
  const setEnabled = useStore((state) => state.setEnabled);
  const showResult = useStore((state) => state.showResult);
  const details = [
    method?.label ?? patch.method,
    briefWords(method, patch.settings),
    formatSeconds(patch.seconds),
  ].filter((part) => part !== '');
  return (
    <article
      className={`${panel.card} ${styles.patch} ${patch.enabled ? '' : styles.off} ${shown ? styles.shown : ''}`}
      aria-label={patch.name}
    >
      <div className={styles.head}>
        <Switch.Root
          className={styles.switch}
          checked={patch.enabled}
          disabled={locked}
          aria-label={`Enable ${patch.name}`}
          onCheckedChange={(enabled) => void setEnabled(patch.id, enabled)}
        >
          <Switch.Thumb className={styles.thumb} />
        </Switch.Root>
        {renaming ? (
          <NameField patch={patch} onDone={() => setRenaming(false)} />
        ) : (
          <h3 className={styles.name} onDoubleClick={() => setRenaming(!locked)}>
            {patch.name}
          </h3>
        )}
        <PatchMenu patch={patch} locked={locked} onRename={() => setRenaming(true)} />
      </div>
      <ul className={styles.edits}>
        {patch.edits.slice(0, NAMED).map((edit, i) => (
          <li key={i}>
            <span className={styles.subject}>{edit.subject}</span> →{' '}
            <span className={styles.object}>{edit.object}</span>
          </li>
        ))}
        {patch.edits.length > NAMED && <li>and {formatPlural(patch.edits.length - NAMED, 'more edit')}</li>}
      </ul>
      <p className={panel.small}>
        <time dateTime={patch.createdAt}>{formatDate(patch.createdAt)}</time> · {details.join(' · ')}
      </p>
      <CardScores patch={patch} />
      <div>
        <Button aria-label={`Show result of ${patch.name}`} onClick={() => showResult(patch.id)}>
          Show result
        </Button>
      </div>
    </article>
  );
}

/** What the edits came to: measured, or else which the edited model said after the run. */
function CardScores({ patch }: { patch: PatchSummary }) {
  const scores = useStore((state) => state.scores[patch.id]);
  const asked = patch.edits.filter(({ status }) => status !== null);
  const shares: [GlossaryTerm, { passed: number; total: number }][] = scores
    ? [
        ['efficacy', scores.efficacy],
        ['generalization', scores.generalization],
        ['specificity', scores.specificity],
      ]
    : [['efficacy', { passed: asked.filter(({ status }) => status !== 'missed').length, total: asked.length }]];
  const known = shares.filter(([, { total }]) => total > 0);
  if (known.length === 0) return null;
  return (
    <dl className={styles.scores}>
      {known.map(([term, { passed, total }]) => (
        <div key={term} title={`${passed} of ${total}`}>
          <dt>
            <Term name={term} />
          </dt>
          <dd>{formatProbability(passed / total)}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Rename in place: Enter keeps, Escape leaves it. */
function NameField({ patch, onDone }: { patch: PatchSummary; onDone: () => void }) {
  const rename = useStore((state) => state.rename);
  const [name, setName] = useState(patch.name);
  const left = useRef(false);

  function finish(keep: boolean): void {
    if (left.current) return;
    left.current = true;
    if (keep && name.trim() !== '' && name.trim() !== patch.name) void rename(patch.id, name.trim());
    onDone();
  }

  return (
    <input
      className={panel.input}
      aria-label={`New name of ${patch.name}`}
      value={name}
      autoFocus
      onFocus={(event) => event.target.select()}
      onChange={(event) => setName(event.target.value)}
      onBlur={() => finish(true)}
      onKeyDown={(event) => {
        if (event.key === 'Enter') finish(true);
        if (event.key === 'Escape') finish(false);
      }}
    />
  );
}

function PatchMenu({ patch, locked, onRename }: PatchCardProps & { onRename: () => void }) {
  const exportPatch = useStore((state) => state.exportPatch);
  const remove = useStore((state) => state.remove);
  const renameChosen = useRef(false);
  const deleted = useRef(false);
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>
        <Button variant="quiet" icon="more" disabled={locked} aria-label={`More actions for ${patch.name}`} />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          className={menu.menu}
          align="end"
          sideOffset={4}
          collisionPadding={10}
          onCloseAutoFocus={(event) => {
            // The name field takes the focus that the menu would give back to its button.
            if (renameChosen.current) {
              event.preventDefault();
              onRename();
            }
            renameChosen.current = false;
            // The card goes, and its button with it: what brings it back is next.
            if (deleted.current) {
              event.preventDefault();
              document.querySelector<HTMLElement>('[data-history-head]')?.focus();
            }
            deleted.current = false;
          }}
        >
          <DropdownMenu.Item
            className={menu.item}
            onSelect={() => {
              renameChosen.current = true;
            }}
          >
            Rename
          </DropdownMenu.Item>
          <DropdownMenu.Item className={menu.item} onSelect={() => void exportPatch(patch)}>
            Download patch file
          </DropdownMenu.Item>
          <DropdownMenu.Item
            className={menu.item}
            onSelect={() => {
              deleted.current = true;
              void remove(patch.id);
            }}
          >
            Delete
          </DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
