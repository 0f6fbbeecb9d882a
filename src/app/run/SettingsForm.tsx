/** The settings of the next run: a field for each that its method has, with a sentence on what it does. */
import { useId } from 'react';
import type { ModelSummary, SettingField } from '../../worker/api.ts';
import { Button } from '../shared/Button.tsx';
import panel from '../shared/Panel.module.css';
import { HelpTip } from '../shared/HelpTip.tsx';
import { useStore } from '../store/index.ts';
import { chosenMethod, chosenSettingsText } from '../store/method.ts';
import { layersIn, parseSettings, settingsToText } from '../store/settings.ts';
import { MethodChoice } from './MethodChoice.tsx';
import styles from './SettingsForm.module.css';

interface FieldProps {
  field: SettingField;
  text: string;
  fault: string | undefined;
  layerCount: number;
}

function Field({ field: { name, label, help, kind }, text, fault, layerCount }: FieldProps) {
  const id = useId();
  const setSetting = useStore((state) => state.setSetting);
  const layers = kind === 'layers';
  return (
    <div className={layers ? `${panel.field} ${styles.wide}` : panel.field}>
      <span className={styles.label}>
        <label className={panel.label} htmlFor={id}>
          {label}
        </label>
        <HelpTip label={label} sentence={help} />
      </span>
      <div className={layers ? styles.beside : undefined}>
        <input
          id={id}
          className={panel.input}
          value={text}
          inputMode={layers ? 'text' : 'decimal'}
          autoComplete="off"
          aria-invalid={fault !== undefined}
          aria-describedby={fault === undefined ? undefined : `${id}-fault`}
          onChange={(event) => setSetting(name, event.target.value)}
        />
        {layers && <LayerChips text={text} layerCount={layerCount} />}
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
  const method = useStore(chosenMethod);
  const text = useStore(chosenSettingsText);
  const resetSettings = useStore((state) => state.resetSettings);
  if (!method || !text) return null;
  const { methods, layerCount } = model;
  const { fields } = method;
  const { faults } = parseSettings(fields, text, layerCount);
  const preset = settingsToText(fields, method.preset);
  const isPreset = fields.every(({ name }) => text[name] === preset[name]);
  return (
    <div className={styles.form} role="group" aria-label="Settings">
      {methods.length > 1 && <MethodChoice methods={methods} chosen={method} />}
      <div className={styles.grid}>
        {fields.map((field) => (
          <Field
            key={field.name}
            field={field}
            text={text[field.name]}
            fault={faults[field.name]}
            layerCount={layerCount}
          />
        ))}
      </div>
      <div className={styles.preset}>
        <Button disabled={isPreset} onClick={resetSettings}>
          Reset to preset
        </Button>
        <p className={panel.small}>{method.presetNote}</p>
      </div>
    </div>
  );
}

interface LayerChipsProps {
  /** As typed beside the chips. */
  text: string;
  layerCount: number;
}

/** A toggle for each layer of the model. */
function LayerChips({ text, layerCount }: LayerChipsProps) {
  const toggleLayer = useStore((state) => state.toggleLayer);
  const chosen = layersIn(text, layerCount);
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
            onClick={() => toggleLayer(layer)}
          >
            {layer}
          </button>
        );
      })}
    </div>
  );
}
