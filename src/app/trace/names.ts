/** How the parts of a trace are called on the page. Pure. */
import type { Severed, TraceGrid, TraceKind } from '../../worker/trace-api.ts';

export const kindNames: Record<TraceKind, string> = { hidden: 'Hidden state', mlp: 'MLP', attention: 'Attention' };

const severedNames: Record<Exclude<Severed, 'none'>, string> = {
  mlp: 'MLPs severed',
  attention: 'Attention severed',
};

type GridId = Pick<TraceGrid, 'kind' | 'severed'>;

/** "Hidden state", or "MLPs severed" for the hidden state restored with the MLPs severed. */
export function gridName({ kind, severed }: GridId): string {
  return severed === 'none' ? kindNames[kind] : severedNames[severed];
}

/** A grid's name in files and as a key: "hidden", "hidden-mlp-severed". */
export function gridKey({ kind, severed }: GridId): string {
  return severed === 'none' ? kind : `${kind}-${severed}-severed`;
}

/** The grids that a trace with these settings gives. */
export function gridsOf(kinds: readonly TraceKind[], severed: boolean): GridId[] {
  const intact = kinds.map((kind): GridId => ({ kind, severed: 'none' }));
  if (!severed || !kinds.includes('hidden')) return intact;
  return [...intact, { kind: 'hidden', severed: 'mlp' }, { kind: 'hidden', severed: 'attention' }];
}

/** The grid of that kind; where the trace has none, its first. */
export function gridOf(grids: TraceGrid[], shown: GridId): TraceGrid | null {
  return grids.find((grid) => gridKey(grid) === gridKey(shown)) ?? grids.at(0) ?? null;
}
