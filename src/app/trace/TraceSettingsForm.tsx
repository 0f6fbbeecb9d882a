/** The settings of the next trace, folded under their values, each with a sentence on what it does. */
import { useId } from 'react';
import form from '../run/SettingsForm.module.css';
import panel from '../shared/Panel.module.css';
import { Check } from '../shared/Check.tsx';
import { HelpTip } from '../shared/HelpTip.tsx';
import { useStore } from '../store/index.ts';
import { parseTraceSettings, TRACE_KINDS, type TraceNumber, type TraceSettingsText } from '../store/trace-settings.ts';
import { kindNames } from './names.ts';
import styles from './TraceSettingsForm.module.css';

const numbers: { name: TraceNumber; label: string; placeholder?: string; sentence: string }[] = [
  {
    name: 'samples',
    label: 'Samples',
    sentence: 'How many noisy versions of the subject are run; the probabilities shown are their mean.',
  },
  {
    name: 'window',
    label: 'Window',
    sentence:
      'How many layers around the one shown are restored together for MLP and attention, which each add only a little.',
  },
  {
    name: 'noise',
    label: 'Noise',
    placeholder: 'automatic',
    sentence:
      'Standard deviation of the noise added to the subject’s tokens; when empty, three times that of the known subjects’ embeddings.',
  },
  { name: 'seed', label: 'Seed', sentence: 'Start of the random numbers; the same seed gives the same noise.' },
];

const kindSentences = {
  hidden: 'What a layer hands on to the next: everything the model knows at that token so far.',
  mlp: 'What a layer’s MLP adds, where MEMIT writes its edits.',
  attention: 'What a layer’s attention brings in from other tokens.',
};

function summaryOf({ kinds, severed, samples, window, noise }: TraceSettingsText): string {
  return [
    TRACE_KINDS.filter((kind) => kinds.includes(kind))
      .map((kind) => kindNames[kind])
      .join(', '),
    severed && kinds.includes('hidden') ? 'severed' : '',
    `${samples} samples`,
    `window ${window}`,
    noise.trim() === '' ? 'automatic noise' : `noise ${noise}`,
  ]
    .filter((part) => part !== '')
    .join(' · ');
}

export function TraceSettingsForm({ layerCount }: { layerCount: number }) {
  const text = useStore((state) => state.traceSettings);
  const change = useStore((state) => state.changeTraceSettings);
  const { settings, faults } = parseTraceSettings(text);
  const wide = settings !== null && settings.window >= layerCount;
  return (
    <details className={styles.details}>
      <summary>
        Settings <span>{summaryOf(text)}</span>
      </summary>
      <div className={styles.form} role="group" aria-label="Trace settings">
        <fieldset className={styles.kinds} aria-invalid={faults.kinds !== undefined}>
          <legend className={panel.label}>Restore</legend>
          {TRACE_KINDS.map((kind) => (
            <Check
              key={kind}
              label={kindNames[kind]}
              sentence={kindSentences[kind]}
              checked={text.kinds.includes(kind)}
              onChange={(on) =>
                change({ kinds: on ? [...text.kinds, kind] : text.kinds.filter((other) => other !== kind) })
              }
            />
          ))}
          <Check
            label="Severed curves"
            sentence="Also restores hidden states while the token’s MLPs, or its attention, are held as corrupted: what is lost went through them. The proposed layers come from this."
            checked={text.severed && text.kinds.includes('hidden')}
            disabled={!text.kinds.includes('hidden')}
            onChange={(severed) => change({ severed })}
          />
        </fieldset>
        {faults.kinds !== undefined && <p className={panel.fault}>{faults.kinds}</p>}
        <div className={form.grid}>
          {numbers.map((field) => (
            <NumberField key={field.name} {...field} fault={faults[field.name]} />
          ))}
        </div>
        {wide && (
          <p className={panel.small}>
            A window of {settings.window} covers nearly all of this model’s {layerCount} layers: MLP and attention will
            look alike at every layer. A smaller one tells the layers apart.
          </p>
        )}
      </div>
    </details>
  );
}

interface NumberFieldProps {
  name: TraceNumber;
  label: string;
  placeholder?: string;
  sentence: string;
  fault: string | undefined;
}

function NumberField({ name, label, placeholder, sentence, fault }: NumberFieldProps) {
  const id = useId();
  const value = useStore((state) => state.traceSettings[name]);
  const change = useStore((state) => state.changeTraceSettings);
  return (
    <div className={panel.field}>
      <span className={form.label}>
        <label className={panel.label} htmlFor={id}>
          {label}
        </label>
        <HelpTip label={label} sentence={sentence} />
      </span>
      <input
        id={id}
        className={panel.input}
        value={value}
        placeholder={placeholder}
        inputMode="decimal"
        autoComplete="off"
        aria-invalid={fault !== undefined}
        aria-describedby={fault === undefined ? undefined : `${id}-fault`}
        onChange={(event) => change({ [name]: event.target.value })}
      />
      {fault !== undefined && (
        <p id={`${id}-fault`} className={panel.fault}>
          {fault}
        </p>
      )}
    </div>
  );
}
