/** Picks a model from this machine: a folder or its files, in Hugging Face layout. */
import { useRef, useState } from 'react';
import { Button } from '../shared/Button.tsx';
import { Modal } from '../shared/Modal.tsx';
import panel from '../shared/Panel.module.css';
import { useStore } from '../store/index.ts';
import { DEMO_MODEL } from '../store/model.ts';
import styles from './OpenModelDialog.module.css';

interface OpenModelDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

/** Makes a file input pick a whole folder; every browser knows it, the types of React do not. */
const asFolder = { webkitdirectory: '' };

/** What a model cannot do without, in words, or null. */
function missing(files: File[]): string | null {
  const names = files.map((file) => file.name);
  const absent = ['config.json', 'tokenizer.json'].filter((name) => !names.includes(name));
  if (!names.some((name) => name.endsWith('.safetensors'))) absent.push('model.safetensors');
  return absent.length === 0 ? null : `Not found among the ${names.length} files: ${absent.join(', ')}.`;
}

/** The folder's name, or the weights' name where single files were picked. */
function nameOf(files: File[]): string {
  const folder = files.at(0)?.webkitRelativePath.split('/').at(0) ?? '';
  return folder !== '' ? folder : 'local model';
}

export function OpenModelDialog({ open, onOpenChange }: OpenModelDialogProps) {
  const [fault, setFault] = useState<string | null>(null);
  const folderInput = useRef<HTMLInputElement>(null);
  const filesInput = useRef<HTMLInputElement>(null);
  const load = useStore((state) => state.load);
  const isDemo = useStore((state) => state.modelLocation.kind === 'demo');

  function take(list: FileList | null): void {
    const files = [...(list ?? [])];
    if (files.length === 0) return;
    const problem = missing(files);
    setFault(problem);
    if (problem !== null) return;
    onOpenChange(false);
    void load({ kind: 'files', name: nameOf(files), files });
  }

  return (
    <Modal
      open={open}
      onOpenChange={(next) => {
        setFault(null);
        onOpenChange(next);
      }}
      title="Open a model"
      description="The files are read here and go nowhere else."
    >
      <div className={panel.stack}>
        <p>
          A folder as on the Hugging Face hub: <code>config.json</code>, <code>tokenizer.json</code>,{' '}
          <code>model.safetensors</code> and, where there is one, <code>tokenizer_config.json</code>. A{' '}
          <code>facts.json</code> beside them brings relations and neighbours.
        </p>
        <div className={styles.choices}>
          <Button variant="primary" icon="folder" onClick={() => folderInput.current?.click()}>
            Choose a folder…
          </Button>
          <Button onClick={() => filesInput.current?.click()}>Choose files…</Button>
          {!isDemo && (
            <Button
              onClick={() => {
                onOpenChange(false);
                void load(DEMO_MODEL);
              }}
            >
              Back to the demo model
            </Button>
          )}
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
            take(event.target.files);
            event.target.value = '';
          }}
        />
        <input
          ref={filesInput}
          type="file"
          multiple
          accept=".json,.safetensors,.txt"
          hidden
          aria-label="Model files"
          onChange={(event) => {
            take(event.target.files);
            event.target.value = '';
          }}
        />
      </div>
    </Modal>
  );
}
