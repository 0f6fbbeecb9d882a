/** The reach of a patch as tables, and what of its keys is too alike. Pure. */
import type { LayerReach, Reach } from '../../worker/api.ts';
import type { Table } from '../shared/table.ts';

export const KINDS = [
  { id: 'edits', name: 'edits’ keys' },
  { id: 'neighbours', name: 'neighbours’ keys' },
  { id: 'text', name: 'ordinary text’s keys' },
] as const;

/** A row a layer and kind of key. */
export function reachTable({ layers }: Reach): Table {
  return {
    columns: ['layer', 'keys', 'number', '‖ΔW k‖/‖W k‖ 25 %', 'median', '75 %', 'largest'],
    rows: layers.flatMap((layer) =>
      KINDS.flatMap(({ id, name }) => {
        const spread = layer[id];
        return spread ? [[layer.layer, name, spread.count, spread.low, spread.median, spread.high, spread.most]] : [];
      }),
    ),
  };
}

/** A row a layer and value. */
export function singularTable(layers: readonly LayerReach[]): Table {
  return {
    columns: ['layer', 'number', 'σ', 'share of ‖ΔW‖²'],
    rows: layers.flatMap(({ layer, singularValues, norm }) =>
      singularValues.map((value, i) => [layer, i + 1, value, (value / (norm || 1)) ** 2]),
    ),
  };
}

export interface AlikePair {
  first: number;
  second: number;
  cosine: number;
}

/** Above it, what is written for one edit is half of what is written for the other as well. */
export const ALIKE = 0.5;

/** Pairs of edits by how alike their keys are, the most alike first. */
export function alikePairs({ likeness }: LayerReach): AlikePair[] {
  const pairs = (likeness ?? []).flatMap((row, first) =>
    row.flatMap((cosine, second) => (second > first ? [{ first, second, cosine }] : [])),
  );
  return pairs.sort((a, b) => Math.abs(b.cosine) - Math.abs(a.cosine));
}

/** The ends of a logarithmic axis around all spreads, in whole powers of ten. */
export function axisOf({ layers }: Reach): { from: number; to: number } {
  let [least, most] = [Infinity, 0];
  for (const layer of layers)
    for (const { id } of KINDS) {
      const spread = layer[id];
      if (!spread) continue;
      if (spread.low > 0) least = Math.min(least, spread.low);
      most = Math.max(most, spread.most);
    }
  if (!(most > 0)) return { from: -3, to: 0 };
  // Not −0.
  const to = Math.ceil(Math.log10(most)) + 0;
  return { from: Math.min(to - 1, Math.max(to - 5, Math.floor(Math.log10(Math.min(least, most))))), to };
}
