/** The model's weights to take home, with the enabled patches in them, in the forms that the worker can write. */
import { ActionMenu } from '../shared/ActionMenu.tsx';
import { Button } from '../shared/Button.tsx';
import { useStore } from '../store/index.ts';

export function DownloadMenu() {
  const choices = useStore((state) => state.model?.exports ?? null);
  const anyEnabled = useStore((state) => state.history.patches.some((patch) => patch.enabled));
  const busy = useStore((state) => state.job !== null || state.workerLost !== null);
  const exportModel = useStore((state) => state.exportModel);
  const actions = (choices ?? []).map((choice) => {
    const empty = choice.needsPatch && !anyEnabled;
    return {
      name: choice.label,
      note: empty ? 'No patch is switched on, so nothing changed.' : choice.help,
      disabled: empty,
      onSelect: () => void exportModel(choice),
    };
  });
  return (
    <ActionMenu actions={actions} align="start">
      <Button icon="down" disabled={choices === null || busy}>
        Download
      </Button>
    </ActionMenu>
  );
}
