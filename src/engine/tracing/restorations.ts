/** The runs that fill a trace's grids: what each restores at its token, and from which layer on it must be computed. */
import { windowAround, type GridSpec } from './settings.ts';

/** A part of a block whose output at the restored token is given instead of computed. */
export type Part = 'attention' | 'mlp';

export interface Restoration {
  /** First layer that differs from the corrupted run; the layer count when none does. */
  readonly from: number;
  /** The token enters layer `from` with its clean state; everything else enters as in the corrupted run. */
  readonly cleanState: boolean;
  /** What a part of a layer adds at the token: the clean run's or the corrupted run's output, or null for what is computed. */
  readonly given: (part: Part, layer: number) => 'clean' | 'corrupted' | null;
  /** Places in the grids that this run fills. */
  readonly cells: readonly { readonly grid: number; readonly layer: number }[];
}

/** One restoration per distinct run: windows cut off at the model's ends can be the same for several layers. */
export function restorationsOf(grids: readonly GridSpec[], layerCount: number, window: number): Restoration[] {
  const runs = new Map<string, Restoration & { cells: { grid: number; layer: number }[] }>();
  grids.forEach((spec, grid) => {
    for (let layer = 0; layer < layerCount; layer += 1) {
      const { key, ...run } = restorationAt(spec, layer, layerCount, window);
      const known = runs.get(key);
      if (known) known.cells.push({ grid, layer });
      else runs.set(key, { ...run, cells: [{ grid, layer }] });
    }
  });
  return [...runs.values()].sort((a, b) => a.from - b.from);
}

function restorationAt(
  { kind, severed }: GridSpec,
  layer: number,
  layerCount: number,
  window: number,
): Omit<Restoration, 'cells'> & { key: string } {
  if (kind === 'hidden') {
    // Above the last layer nothing is left to sever.
    const cut = layer + 1 < layerCount ? severed : 'none';
    return {
      key: `hidden ${cut} ${layer}`,
      from: layer + 1,
      cleanState: true,
      given: (part) => (part === cut ? 'corrupted' : null),
    };
  }
  const [from, to] = windowAround(layer, window, layerCount);
  return {
    key: `${kind} ${from} ${to}`,
    from,
    cleanState: false,
    given: (part, at) => (part === kind && at >= from && at < to ? 'clean' : null),
  };
}
