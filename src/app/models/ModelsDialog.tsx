/** Where models come from: the hub by name, what this browser keeps, suggestions, and this machine's files. */
import { Modal } from '../shared/Modal.tsx';
import { useStore } from '../store/index.ts';
import { lockedBy } from '../store/trace.ts';
import { HubForm } from './HubForm.tsx';
import { KeptModels } from './KeptModels.tsx';
import { LocalModel } from './LocalModel.tsx';
import styles from './ModelsDialog.module.css';
import { SuggestedModels } from './SuggestedModels.tsx';

export function ModelsDialog() {
  const open = useStore((state) => state.modelsOpen);
  const showModels = useStore((state) => state.showModels);
  const lock = useStore(lockedBy);
  return (
    <Modal
      open={open}
      onOpenChange={showModels}
      title="Models"
      description="A model is opened and edited here, on your machine; nothing of it is sent anywhere."
    >
      <div className={styles.sections}>
        {lock !== null && (
          <p role="status" className={styles.notice}>
            A {lock} is under way: models can be downloaded now, and opened when it has ended.
          </p>
        )}
        <HubForm />
        <KeptModels />
        <SuggestedModels />
        <LocalModel />
      </div>
    </Modal>
  );
}
