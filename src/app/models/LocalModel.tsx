/** A model from this machine: a folder or its files, in Hugging Face layout, or a GGUF file. */
import { useRef } from 'react';
import { Button } from '../shared/Button.tsx';
import { canPickFolders, filesOf, pickFolder } from '../shared/file-access.ts';
import panel from '../shared/Panel.module.css';
import { useStore } from '../store/index.ts';
import { lockedBy } from '../store/trace.ts';
import styles from './ModelsDialog.module.css';

/** Makes a file input pick a whole folder; every browser knows it, the types of React do not. */
const asFolder = { webkitdirectory: '' };

export function LocalModel() {
  const folderInput = useRef<HTMLInputElement>(null);
  const filesInput = useRef<HTMLInputElement>(null);
  const fault = useStore((state) => state.filesFault);
  const openFiles = useStore((state) => state.openFiles);
  const lock = useStore(lockedBy);

  async function chooseFolder(): Promise<void> {
    if (!canPickFolders()) {
      folderInput.current?.click();
      return;
    }
    const folder = await pickFolder();
    if (folder) await openFiles(folder.name, await filesOf(folder), folder);
  }

  return (
    <section aria-label="From this machine" className={panel.stack}>
      <h3>From this machine</h3>
      <p className={panel.small}>
        A folder as on the hub: <code>config.json</code>, <code>tokenizer.json</code>, <code>model.safetensors</code> or
        its shards and, where there is one, <code>tokenizer_config.json</code>; a <code>facts.json</code> beside them
        brings relations and neighbours. Or a single <code>.gguf</code> file. You can drop either anywhere on the page.
      </p>
      <div className={styles.acts}>
        <Button icon="folder" disabled={lock !== null} onClick={() => void chooseFolder()}>
          Choose a folder…
        </Button>
        <Button disabled={lock !== null} onClick={() => filesInput.current?.click()}>
          Choose files…
        </Button>
      </div>
      {fault !== null && (
        <p role="alert" className={panel.fault}>
          {fault}
        </p>
      )}
      <input
        ref={folderInput}
        type="file"
        {...asFolder}
        hidden
        aria-label="Model folder"
        onChange={(event) => {
          void openFiles(null, [...(event.target.files ?? [])]);
          event.target.value = '';
        }}
      />
      <input
        ref={filesInput}
        type="file"
        multiple
        accept=".json,.safetensors,.gguf,.npz,.txt"
        hidden
        aria-label="Model files"
        onChange={(event) => {
          void openFiles(null, [...(event.target.files ?? [])]);
          event.target.value = '';
        }}
      />
    </section>
  );
}
