/** Which editing method the next run uses, where there is a choice. */
import type { MethodView } from '../../worker/api.ts';
import { HelpTip } from '../shared/HelpTip.tsx';
import panel from '../shared/Panel.module.css';
import { Segments } from '../shared/Segments.tsx';
import { useStore } from '../store/index.ts';
import styles from './SettingsForm.module.css';

interface MethodChoiceProps {
  methods: readonly MethodView[];
  chosen: MethodView;
}

export function MethodChoice({ methods, chosen }: MethodChoiceProps) {
  const chooseMethod = useStore((state) => state.chooseMethod);
  return (
    <div className={panel.field}>
      <span className={styles.label}>
        <span className={panel.label}>Method</span>
        <HelpTip label={chosen.label} sentence={chosen.summary} />
      </span>
      <Segments
        label="Method"
        value={chosen.id}
        options={methods.map(({ id, label }) => ({ value: id, name: label }))}
        onChoose={chooseMethod}
      />
    </div>
  );
}
