/** The run that the charts show: the one that goes on or went last, else that of the patch on screen. */
import { useMemo } from 'react';
import { shownPatch } from '../store/compare.ts';
import { useStore } from '../store/index.ts';
import type { RunView } from '../store/run.ts';

export interface ShownRun {
  run: RunView;
  /** Set when the numbers are an earlier patch's. */
  fromPatch: string | null;
}

export function useShownRun(): ShownRun | null {
  const run = useStore((state) => state.run);
  const patch = useStore(shownPatch);
  return useMemo(() => {
    if (run) return { run, fromPatch: null };
    if (!patch) return null;
    return {
      fromPatch: patch.name,
      run: {
        status: 'done',
        edits: patch.edits,
        steps: patch.settings.steps,
        layers: patch.settings.layers,
        phases: {},
        losses: patch.losses,
        reports: patch.layers,
        startedAt: 0,
        seconds: patch.seconds,
        patchId: patch.id,
        failure: null,
      },
    };
  }, [run, patch]);
}
