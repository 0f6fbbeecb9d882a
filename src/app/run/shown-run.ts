/** The run that the charts show: the one that goes on or went last, else that of the patch on screen. */
import { useMemo } from 'react';
import { shownPatch } from '../store/compare.ts';
import { useStore } from '../store/index.ts';
import { methodOf } from '../store/method.ts';
import { plannedFigures, type RunFigures } from '../store/run.ts';

export interface ShownRun {
  run: RunFigures;
  /** Set when the numbers are an earlier patch's. */
  fromPatch: { id: string; name: string } | null;
}

export function useShownRun(): ShownRun | null {
  const run = useStore((state) => state.run);
  const patch = useStore(shownPatch);
  const method = useStore((state) => methodOf(state, patch?.method ?? null));
  return useMemo(() => {
    if (run) return { run, fromPatch: null };
    if (!patch) return null;
    const { losses, layers: reports, residuals, settings, name } = patch;
    const edits = patch.edits.map(({ subject, object }) => ({ subject, object, prompt: null }));
    return {
      run: { edits, ...plannedFigures(method, settings), losses, reports, residuals },
      fromPatch: { id: patch.id, name },
    };
  }, [run, patch, method]);
}
