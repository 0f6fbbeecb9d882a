/** The fields of an edit, each with its faults beside it. */
import { useId, useState, type ChangeEvent, type ClipboardEvent } from 'react';
import type { EditDraft, Fault } from '../../worker/api.ts';
import { toFailure } from '../../worker/client.ts';
import panel from '../shared/Panel.module.css';
import { useStore } from '../store/index.ts';
import styles from './RowFields.module.css';

interface RowFieldsProps {
  draft: EditDraft;
  faults: Fault[];
}

interface TextFieldProps {
  label: string;
  value: string;
  placeholder: string;
  faults: Fault[];
  suggestions?: string[];
  note?: string | null;
  className?: string;
  onChange: (value: string) => void;
  onPaste?: (event: ClipboardEvent<HTMLInputElement>) => void;
}

/** Enough to choose from, few enough to render in every row. */
const MAX_SUGGESTIONS = 60;

function TextField({
  label,
  value,
  placeholder,
  faults,
  suggestions,
  note,
  className,
  onChange,
  onPaste,
}: TextFieldProps) {
  const id = useId();
  const described = faults.length > 0 || (note ?? '') !== '';
  return (
    <div className={`${panel.field} ${className ?? ''}`}>
      <label className={panel.label} htmlFor={id}>
        {label}
      </label>
      <input
        id={id}
        className={panel.input}
        value={value}
        placeholder={placeholder}
        autoComplete="off"
        spellCheck={false}
        list={suggestions && suggestions.length > 0 ? `${id}-list` : undefined}
        aria-invalid={faults.length > 0}
        aria-describedby={described ? `${id}-note` : undefined}
        onChange={(event: ChangeEvent<HTMLInputElement>) => onChange(event.target.value)}
        onPaste={onPaste}
      />
      {suggestions && suggestions.length > 0 && (
        <datalist id={`${id}-list`}>
          {suggestions.map((suggestion) => (
            <option key={suggestion} value={suggestion} />
          ))}
        </datalist>
      )}
      {described && (
        <p id={`${id}-note`} className={faults.length > 0 ? panel.fault : panel.small}>
          {faults.length > 0 ? faults.map((fault) => fault.message).join(' ') : note}
        </p>
      )}
    </div>
  );
}

export function RowFields({ draft, faults }: RowFieldsProps) {
  const id = useId();
  const relations = useStore((state) => state.model?.relations) ?? [];
  const updateDraft = useStore((state) => state.updateDraft);
  const pasteLines = useStore((state) => state.pasteLines);
  const [pasteNote, setPasteNote] = useState<string | null>(null);
  const relation = relations.find((candidate) => candidate.id === draft.relationId);
  const of = (field: Fault['field']): Fault[] => faults.filter((fault) => fault.field === field);
  const subjects = [...new Set(relation?.examples.map((example) => example.subject))].slice(0, MAX_SUGGESTIONS);
  const objects = [...new Set(relation?.examples.map((example) => example.object))].slice(0, MAX_SUGGESTIONS);

  /** Several lines pasted into the subject are several edits. */
  function onPaste(event: ClipboardEvent<HTMLInputElement>): void {
    const text = event.clipboardData.getData('text/plain').trim();
    if (!text.includes('\n')) return;
    event.preventDefault();
    pasteLines(text, draft.id).then(
      ({ faults: lines }) =>
        setPasteNote(
          lines.length === 0 ? null : lines.map((fault) => `Line ${fault.line}: ${fault.message}`).join(' '),
        ),
      (error: unknown) => setPasteNote(toFailure(error).message),
    );
  }

  return (
    <div className={styles.fields}>
      <TextField
        className={styles.wide}
        label="Subject"
        value={draft.subject}
        placeholder={subjects[0] ?? 'Eiffel Tower'}
        faults={of('subject')}
        suggestions={subjects}
        note={pasteNote}
        onChange={(subject) => {
          setPasteNote(null);
          updateDraft(draft.id, { subject });
        }}
        onPaste={onPaste}
      />
      <div className={panel.field}>
        <label className={panel.label} htmlFor={`${id}-relation`}>
          Relation
        </label>
        <select
          id={`${id}-relation`}
          className={panel.input}
          value={draft.relationId ?? ''}
          aria-invalid={draft.relationId !== null && of('prompt').length > 0}
          aria-describedby={draft.relationId !== null && of('prompt').length > 0 ? `${id}-fault` : undefined}
          onChange={(event) => {
            const relationId = event.target.value === '' ? null : event.target.value;
            // The relation's sentence is a good start for a free prompt; one that was typed before comes back.
            const free = relationId === null && draft.prompt === '';
            const prompt = free ? (relation?.templates[0] ?? '{}') : draft.prompt;
            updateDraft(draft.id, { relationId, prompt });
          }}
        >
          {relations.map((candidate) => (
            <option key={candidate.id} value={candidate.id}>
              {candidate.label} — {candidate.templates[0]}
            </option>
          ))}
          <option value="">Free prompt…</option>
        </select>
        {draft.relationId !== null && of('prompt').length > 0 && (
          <p id={`${id}-fault`} className={panel.fault}>
            {of('prompt')
              .map((fault) => fault.message)
              .join(' ')}
          </p>
        )}
      </div>
      <TextField
        label="New object"
        value={draft.object}
        placeholder={objects[0] ?? 'Rome'}
        faults={of('object')}
        suggestions={objects}
        onChange={(object) => updateDraft(draft.id, { object })}
      />
      {draft.relationId === null && (
        <TextField
          className={styles.wide}
          label="Prompt"
          value={draft.prompt}
          placeholder="{} plays the sport of"
          faults={of('prompt')}
          note="Write {} where the subject goes."
          onChange={(prompt) => updateDraft(draft.id, { prompt })}
        />
      )}
    </div>
  );
}
