/** The trace to take home: the heat map as a picture, all numbers as files. */
import { fileStem, SaveMenu } from '../shared/SaveMenu.tsx';
import { useStore } from '../store/index.ts';
import { bandOf } from '../store/trace.ts';
import { heatPicture } from './heat-svg.ts';
import { gridKey, gridOf } from './names.ts';
import { traceTable } from './trace-tables.ts';

export function ExportMenu() {
  const traced = useStore((state) => state.traced);
  const shown = useStore((state) => state.shownGrid);
  const stem = fileStem('trace', traced?.view.prompt ?? '');
  return (
    <SaveMenu
      label="Save trace"
      pictureName="Heat map"
      notes={{ csv: 'A row per state, token and layer.', json: 'The whole trace with its settings.' }}
      disabled={traced === null}
      picture={() => {
        const grid = traced && gridOf(traced.view.grids, shown);
        if (!grid) return null;
        const picture = heatPicture(traced.view, grid, bandOf(useStore.getState()));
        return { stem: `${stem}-${gridKey(grid)}`, picture };
      }}
      numbers={() =>
        traced && { stem, table: traceTable(traced.view), json: { settings: traced.settings, ...traced.view } }
      }
    />
  );
}
