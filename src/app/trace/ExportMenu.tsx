/** The trace to take home: the heat map as a picture, all numbers as files. */
import { DropdownMenu } from 'radix-ui';
import { useState } from 'react';
import { Button } from '../shared/Button.tsx';
import menu from '../shared/Menu.module.css';
import panel from '../shared/Panel.module.css';
import { saveFile } from '../shared/save-file.ts';
import { toCsv } from '../shared/table.ts';
import { useStore } from '../store/index.ts';
import { bandOf } from '../store/trace.ts';
import { heatPicture } from './heat-svg.ts';
import { gridKey, gridOf } from './names.ts';
import { pictureToPng } from './picture-to-png.ts';
import { traceTable } from './trace-tables.ts';

/** "trace-the-eiffel-tower-is-in". */
function fileStem(prompt: string): string {
  const words = prompt.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-');
  return `trace-${words}`.slice(0, 60).replace(/-+$/, '');
}

export function ExportMenu() {
  const traced = useStore((state) => state.traced);
  const shown = useStore((state) => state.shownGrid);
  const [trouble, setTrouble] = useState<string | null>(null);

  function picture(): { name: string; picture: ReturnType<typeof heatPicture> } | null {
    const grid = traced && gridOf(traced.view.grids, shown);
    if (!grid) return null;
    const name = `${fileStem(traced.view.prompt)}-${gridKey(grid)}`;
    return { name, picture: heatPicture(traced.view, grid, bandOf(useStore.getState())) };
  }

  async function savePng(): Promise<void> {
    const drawn = picture();
    if (!drawn) return;
    setTrouble(null);
    try {
      saveFile(`${drawn.name}.png`, await pictureToPng(drawn.picture));
    } catch {
      setTrouble('The picture could not be drawn as PNG: save the SVG instead.');
    }
  }

  function saveSvg(): void {
    const drawn = picture();
    if (drawn) saveFile(`${drawn.name}.svg`, new Blob([drawn.picture.svg], { type: 'image/svg+xml' }));
  }

  function saveNumbers(kind: 'csv' | 'json'): void {
    if (!traced) return;
    const { view, settings } = traced;
    const blob =
      kind === 'csv'
        ? new Blob([toCsv(traceTable(view))], { type: 'text/csv' })
        : new Blob([`${JSON.stringify({ settings, ...view }, null, 2)}\n`], { type: 'application/json' });
    saveFile(`${fileStem(view.prompt)}.${kind}`, blob);
  }

  const items: { name: string; note: string; onSelect: () => void }[] = [
    { name: 'Heat map as PNG', note: 'A picture for slides.', onSelect: () => void savePng() },
    { name: 'Heat map as SVG', note: 'A drawing for print.', onSelect: saveSvg },
    { name: 'Numbers as CSV', note: 'A row per state, token and layer.', onSelect: () => saveNumbers('csv') },
    { name: 'Numbers as JSON', note: 'The whole trace with its settings.', onSelect: () => saveNumbers('json') },
  ];
  return (
    <>
      <DropdownMenu.Root>
        <DropdownMenu.Trigger asChild>
          <Button icon="down" disabled={traced === null}>
            Save trace
          </Button>
        </DropdownMenu.Trigger>
        <DropdownMenu.Portal>
          <DropdownMenu.Content className={menu.menu} align="end" sideOffset={4} collisionPadding={10}>
            {items.map(({ name, note, onSelect }) => (
              <DropdownMenu.Item key={name} className={menu.item} aria-label={name} onSelect={onSelect}>
                {name}
                <span className={menu.note}>{note}</span>
              </DropdownMenu.Item>
            ))}
          </DropdownMenu.Content>
        </DropdownMenu.Portal>
      </DropdownMenu.Root>
      {trouble !== null && (
        <p role="status" className={panel.fault}>
          {trouble}
        </p>
      )}
    </>
  );
}
