/** Takes a model's folder or files that are dropped anywhere on the page, where nothing else takes them. */
import { useEffect, useState } from 'react';
import { droppedFiles } from '../shared/file-access.ts';
import { useStore } from '../store/index.ts';
import { lockedBy } from '../store/trace.ts';
import styles from './DropZone.module.css';

export function DropZone() {
  const [over, setOver] = useState(false);
  const openFiles = useStore((state) => state.openFiles);
  const lock = useStore(lockedBy);

  useEffect(() => {
    const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;
    const onOver = (event: DragEvent): void => {
      // Taken by something on the page, such as the records of a benchmark.
      const taken = event.defaultPrevented;
      if (hasFiles(event)) event.preventDefault();
      setOver(hasFiles(event) && !taken);
    };
    const onLeave = (event: DragEvent): void => {
      if (event.relatedTarget === null) setOver(false);
    };
    const onDrop = (event: DragEvent): void => {
      setOver(false);
      if (event.defaultPrevented || !hasFiles(event) || !event.dataTransfer) return;
      // The browser would leave the page and show the file.
      event.preventDefault();
      if (lock !== null) return;
      void droppedFiles(event.dataTransfer).then(({ folder, name, files }) => openFiles(name, files, folder));
    };
    window.addEventListener('dragover', onOver);
    window.addEventListener('dragleave', onLeave);
    window.addEventListener('drop', onDrop);
    return () => {
      window.removeEventListener('dragover', onOver);
      window.removeEventListener('dragleave', onLeave);
      window.removeEventListener('drop', onDrop);
    };
  }, [openFiles, lock]);

  if (!over) return null;
  return (
    <div className={styles.zone} aria-hidden="true">
      <p className={styles.words}>{lock === null ? 'Drop to open this model' : `Wait for the ${lock} to end`}</p>
    </div>
  );
}
