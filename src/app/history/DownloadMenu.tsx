/** The model's weights to take home, with the enabled patches in them. */
import { DropdownMenu } from 'radix-ui';
import type { ExportOptions } from '../../worker/api.ts';
import { Button } from '../shared/Button.tsx';
import menu from '../shared/Menu.module.css';
import { useStore } from '../store/index.ts';

export function DownloadMenu() {
  const dtype = useStore((state) => state.model?.dtype ?? null);
  const anyEnabled = useStore((state) => state.history.patches.some((patch) => patch.enabled));
  const busy = useStore((state) => state.job !== null || state.workerLost !== null);
  const exportModel = useStore((state) => state.exportModel);
  const items: { name: string; note: string; options: ExportOptions; disabled?: boolean }[] = [
    {
      name: `Full model (${dtype ?? ''})`,
      note: 'Every tensor, in the type of the source; loads beside the source’s config and tokenizer.',
      options: { scope: 'full', dtype: 'source' },
    },
    {
      name: 'Full model (F32)',
      note: 'Every tensor in 32 bits, so that no part of the edit is rounded away.',
      options: { scope: 'full', dtype: 'F32' },
    },
    {
      name: 'Changed tensors only',
      note: anyEnabled ? 'A small file with the edited weights alone.' : 'No patch is switched on, so nothing changed.',
      options: { scope: 'changed', dtype: 'source' },
      disabled: !anyEnabled,
    },
  ];
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>
        <Button icon="down" disabled={dtype === null || busy}>
          Download
        </Button>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className={menu.menu} align="start" sideOffset={4} collisionPadding={10}>
          {items
            .filter((_, i) => !(dtype === 'F32' && i === 1))
            .map(({ name, note, options, disabled }) => (
              <DropdownMenu.Item
                key={name}
                className={menu.item}
                disabled={disabled}
                aria-label={name}
                onSelect={() => void exportModel(options)}
              >
                {name}
                <span className={menu.note}>{note}</span>
              </DropdownMenu.Item>
            ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
