/** A chart on the page: read out as one picture, and saved as PNG or SVG as it stands there. */
import { useRef, useState, type ReactNode } from 'react';
import { Button } from './Button.tsx';
import { drawnPicture } from './drawn-picture.ts';
import styles from './DrawnFigure.module.css';
import { fileStem } from './SaveMenu.tsx';
import { pictureToPng } from './picture-to-png.ts';
import { saveFile } from './save-file.ts';

interface DrawnFigureProps {
  /** Names the files: "Loss over the steps". */
  name: string;
  /** What is to be seen, in words; absent where the drawing says it itself. */
  words?: string;
  /** Of the drawing's room. */
  className?: string;
  /** The drawing is wider than its room: arrow keys move it. */
  scrolls?: boolean;
  children: ReactNode;
}

export function DrawnFigure({ name, words, className, scrolls = false, children }: DrawnFigureProps) {
  const room = useRef<HTMLDivElement>(null);
  const [trouble, setTrouble] = useState<string | null>(null);

  async function save(kind: 'png' | 'svg'): Promise<void> {
    const drawing = room.current?.querySelector('svg');
    if (!drawing) return;
    setTrouble(null);
    try {
      const picture = drawnPicture(drawing);
      const blob = kind === 'svg' ? new Blob([picture.svg], { type: 'image/svg+xml' }) : await pictureToPng(picture);
      saveFile(`${fileStem('chart', name)}.${kind}`, blob);
    } catch {
      setTrouble('This browser could not draw the picture; try the other form.');
    }
  }

  return (
    <div className={styles.figure}>
      <div
        ref={room}
        className={className}
        {...(words !== undefined && { role: 'img', 'aria-label': words })}
        {...(scrolls && { role: 'region', 'aria-label': name, tabIndex: 0 })}
      >
        {children}
      </div>
      <div className={styles.save} role="group" aria-label={`Save “${name}”`}>
        <Button variant="quiet" title="Save as PNG" aria-label={`PNG of ${name}`} onClick={() => void save('png')}>
          PNG
        </Button>
        <Button variant="quiet" title="Save as SVG" aria-label={`SVG of ${name}`} onClick={() => void save('svg')}>
          SVG
        </Button>
      </div>
      {trouble !== null && <p role="status">{trouble}</p>}
    </div>
  );
}
