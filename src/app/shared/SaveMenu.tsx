/** What is shown, to take home: its picture as PNG and SVG, its numbers as CSV and JSON. */
import { useState } from 'react';
import { ActionMenu, type Action } from './ActionMenu.tsx';
import { Button } from './Button.tsx';
import panel from './Panel.module.css';
import type { Picture } from './picture.ts';
import { pictureToPng } from './picture-to-png.ts';
import { saveFile } from './save-file.ts';
import { toCsv, type Table } from './table.ts';

interface SaveMenuProps {
  /** On the button: "Save trace". */
  label: string;
  /** What the picture is called: "Heat map". */
  pictureName: string;
  /** What a row of the table and the JSON hold. */
  notes: { csv: string; json: string };
  disabled: boolean;
  picture: () => { stem: string; picture: Picture } | null;
  numbers: () => { stem: string; table: Table; json: unknown } | null;
}

/** Words of a prompt as part of a file's name: "trace-the-eiffel-tower-is-in". */
export function fileStem(kind: string, prompt: string): string {
  const words = prompt.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-');
  return `${kind}-${words}`.slice(0, 60).replace(/-+$/, '');
}

export function SaveMenu({ label, pictureName, notes, disabled, picture, numbers }: SaveMenuProps) {
  const [trouble, setTrouble] = useState<string | null>(null);

  async function savePng(): Promise<void> {
    const drawn = picture();
    if (!drawn) return;
    setTrouble(null);
    try {
      saveFile(`${drawn.stem}.png`, await pictureToPng(drawn.picture));
    } catch {
      setTrouble('The picture could not be drawn as PNG: save the SVG instead.');
    }
  }

  function saveSvg(): void {
    const drawn = picture();
    if (drawn) saveFile(`${drawn.stem}.svg`, new Blob([drawn.picture.svg], { type: 'image/svg+xml' }));
  }

  function saveNumbers(kind: 'csv' | 'json'): void {
    const held = numbers();
    if (!held) return;
    const blob =
      kind === 'csv'
        ? new Blob([toCsv(held.table)], { type: 'text/csv' })
        : new Blob([`${JSON.stringify(held.json, null, 2)}\n`], { type: 'application/json' });
    saveFile(`${held.stem}.${kind}`, blob);
  }

  const actions: Action[] = [
    { name: `${pictureName} as PNG`, note: 'A picture for slides.', onSelect: () => void savePng() },
    { name: `${pictureName} as SVG`, note: 'A drawing for print.', onSelect: saveSvg },
    { name: 'Numbers as CSV', note: notes.csv, onSelect: () => saveNumbers('csv') },
    { name: 'Numbers as JSON', note: notes.json, onSelect: () => saveNumbers('json') },
  ];
  return (
    <>
      <ActionMenu actions={actions}>
        <Button icon="down" disabled={disabled}>
          {label}
        </Button>
      </ActionMenu>
      {trouble !== null && (
        <p role="status" className={panel.fault}>
          {trouble}
        </p>
      )}
    </>
  );
}
