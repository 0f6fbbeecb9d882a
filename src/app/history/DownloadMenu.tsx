/** The model's weights to take home, with the enabled patches in them, in the forms that the worker can write. */
import { DropdownMenu } from 'radix-ui';
import { Button } from '../shared/Button.tsx';
import menu from '../shared/Menu.module.css';
import { useStore } from '../store/index.ts';

export function DownloadMenu() {
  const choices = useStore((state) => state.model?.exports ?? null);
  const anyEnabled = useStore((state) => state.history.patches.some((patch) => patch.enabled));
  const busy = useStore((state) => state.job !== null || state.workerLost !== null);
  const exportModel = useStore((state) => state.exportModel);
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>
        <Button icon="down" disabled={choices === null || busy}>
          Download
        </Button>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className={menu.menu} align="start" sideOffset={4} collisionPadding={10}>
          {choices?.map((choice) => {
            const empty = choice.needsPatch && !anyEnabled;
            return (
              <DropdownMenu.Item
                key={choice.label}
                className={menu.item}
                disabled={empty}
                aria-label={choice.label}
                onSelect={() => void exportModel(choice)}
              >
                {choice.label}
                <span className={menu.note}>
                  {empty ? 'No patch is switched on, so nothing changed.' : choice.help}
                </span>
              </DropdownMenu.Item>
            );
          })}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
