/** The settings of the next run, each with a sentence on what it does. */
import { useId, type ReactNode } from 'react';
import type { ModelSummary } from '../../worker/api.ts';
import { Button } from '../shared/Button.tsx';
import panel from '../shared/Panel.module.css';
import { HelpTip } from '../shared/HelpTip.tsx';
import { useStore } from '../store/index.ts';
import { parseLayers, parseSettings, settingsToText, type SettingName } from '../store/settings.ts';
import styles from './SettingsForm.module.css';

const fields: { name: Exclude<SettingName, 'layers'>; label: string; sentence: string }[] = [
  {
    name: 'steps',
    label: 'Steps',
    sentence: 'How often the loss is looked at while z is sought; an edit that is good enough stops earlier.',
  },
  { name: 'learningRate', label: 'Learning rate', sentence: 'How far one step of the search goes (Adam).' },
  {
    name: 'weightDecay',
    label: 'Weight decay',
    sentence: 'How strongly a long δ is punished: more keeps the edit smaller.',
  },
  {
    name: 'clampNormFactor',
    label: 'Clamp',
    sentence: 'How long δ may get at most, as a share of the hidden state it is added to.',
  },
  {
    name: 'klFactor',
    label: 'KL factor',
    sentence: 'How strongly the model’s general idea of the subject is held while δ is sought.',
  },
  {
    name: 'covarianceWeight',
    label: 'λ',
    sentence:
      'How much the statistics of ordinary text weigh against the new facts: larger disturbs less and edits less.',
  },
  {
    name: 'seed',
    label: 'Seed',
    sentence: 'Start of the random numbers that write the context sentences; the same seed gives the same run.',
  },
];

interface FieldProps {
  name: SettingName;
  label: string;
  sentence: string;
  fault: string | undefined;
  wide?: boolean;
  children?: ReactNode;
}

function Field({ name, label, sentence, fault, wide, children }: FieldProps) {
  const id = useId();
  const value = useStore((state) => state.settingsText?.[name] ?? '');
  const setSetting = useStore((state) => state.setSetting);
  return (
    <div className={wide ? `${panel.field} ${styles.wide}` : panel.field}>
      <span className={styles.label}>
        <label className={panel.label} htmlFor={id}>
          {label}
        </label>
        <HelpTip label={label} sentence={sentence} />
      </span>
      <div className={children === undefined ? undefined : styles.beside}>
        <input
          id={id}
          className={panel.input}
          value={value}
          inputMode={name === 'layers' ? 'text' : 'decimal'}
          autoComplete="off"
          aria-invalid={fault !== undefined}
          aria-describedby={fault === undefined ? undefined : `${id}-fault`}
          onChange={(event) => setSetting(name, event.target.value)}
        />
        {children}
      </div>
      {fault !== undefined && (
        <p id={`${id}-fault`} className={panel.fault}>
          {fault}
        </p>
      )}
    </div>
  );
}

export function SettingsForm({ model }: { model: ModelSummary }) {
  const text = useStore((state) => state.settingsText);
  const resetSettings = useStore((state) => state.resetSettings);
  if (!text) return null;
  const { faults } = parseSettings(text, model.layerCount);
  const preset = settingsToText(model.preset);
  const isPreset = Object.entries(preset).every(([name, value]) => text[name as SettingName] === value);
  return (
    <div className={styles.form} role="group" aria-label="Settings">
      <div className={styles.grid}>
        <Field
          name="layers"
          label="Layers"
          sentence="The layers whose weights are changed; the last of them is where z is sought."
          fault={faults.layers}
          wide
        >
          <LayerChips layerCount={model.layerCount} />
        </Field>
        {fields.map((field) => (
          <Field key={field.name} {...field} fault={faults[field.name]} />
        ))}
      </div>
      <div className={styles.preset}>
        <Button disabled={isPreset} onClick={resetSettings}>
          Reset to preset
        </Button>
        <p className={panel.small}>{model.presetNote}</p>
      </div>
    </div>
  );
}

/** The same layers as toggles. */
function LayerChips({ layerCount }: { layerCount: number }) {
  const text = useStore((state) => state.settingsText?.layers ?? '');
  const setSetting = useStore((state) => state.setSetting);
  const parsed = parseLayers(text, layerCount);
  const chosen = typeof parsed === 'string' ? [] : parsed;
  return (
    <div className={styles.chips} role="group" aria-label="Pick by number">
      {Array.from({ length: layerCount }, (_, layer) => {
        const on = chosen.includes(layer);
        return (
          <button
            key={layer}
            type="button"
            className={styles.chip}
            aria-pressed={on}
            aria-label={`Layer ${layer}`}
            onClick={() => {
              const next = on ? chosen.filter((other) => other !== layer) : [...chosen, layer];
              setSetting('layers', next.sort((a, b) => a - b).join(', '));
            }}
          >
            {layer}
          </button>
        );
      })}
    </div>
  );
}
