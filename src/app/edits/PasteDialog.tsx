/** Several edits at once, one a line; good lines are added and faulty ones stay to be mended. */
import { useState } from 'react';
import { toFailure } from '../../worker/client.ts';
import { formatCount, formatPlural } from '../format.ts';
import { Button } from '../shared/Button.tsx';
import { Modal } from '../shared/Modal.tsx';
import panel from '../shared/Panel.module.css';
import { useStore } from '../store/index.ts';
import styles from './PasteDialog.module.css';

/** More would keep the page waiting. */
const SHOWN_FAULTS = 50;

interface PasteDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

interface Outcome {
  words: string;
  faults: { text: string; message: string }[];
}

export function PasteDialog({ open, onOpenChange }: PasteDialogProps) {
  const relation = useStore((state) => state.model?.relations[0]);
  const pasteLines = useStore((state) => state.pasteLines);
  const [text, setText] = useState('');
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [busy, setBusy] = useState(false);
  const example = relation?.examples[0];

  async function add(): Promise<void> {
    setBusy(true);
    try {
      const { added, faults } = await pasteLines(text);
      const lines = text.split(/\r?\n/);
      const kept = faults.map((fault) => ({ text: lines[fault.line - 1] ?? '', message: fault.message }));
      setText(kept.map((fault) => fault.text).join('\n'));
      setOutcome({ words: `${formatPlural(added, 'edit')} added.`, faults: kept });
      if (kept.length === 0 && added > 0) {
        setOutcome(null);
        onOpenChange(false);
      }
    } catch (error) {
      setOutcome({ words: toFailure(error).message, faults: [] });
    } finally {
      setBusy(false);
    }
  }

  return (
    <Modal
      open={open}
      onOpenChange={onOpenChange}
      title="Paste lines"
      description="One edit a line: subject, relation and new object, separated by | or tabs. The relation is one of the model’s, or a prompt with {}."
    >
      <div className={panel.stack}>
        <textarea
          className={`${panel.input} ${styles.lines}`}
          aria-label="Edits to add"
          aria-invalid={(outcome?.faults.length ?? 0) > 0}
          rows={8}
          spellCheck={false}
          value={text}
          placeholder={`${example?.subject ?? 'Eiffel Tower'} | ${relation?.label ?? '{} is located in'} | Rome\nEiffel Tower | {} is in the city of | Rome`}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && text.trim() !== '') void add();
          }}
        />
        <div role="status">
          {outcome && <p>{outcome.words}</p>}
          {outcome && outcome.faults.length > 0 && (
            <ul className={styles.faults}>
              {outcome.faults.slice(0, SHOWN_FAULTS).map((fault, i) => (
                <li key={i} className={panel.fault}>
                  <code>{fault.text}</code> — {fault.message}
                </li>
              ))}
              {outcome.faults.length > SHOWN_FAULTS && (
                <li className={panel.fault}>and {formatCount(outcome.faults.length - SHOWN_FAULTS)} other lines</li>
              )}
            </ul>
          )}
        </div>
        <div>
          <Button variant="primary" disabled={busy || text.trim() === ''} onClick={() => void add()}>
            Add these edits
          </Button>
        </div>
      </div>
    </Modal>
  );
}
