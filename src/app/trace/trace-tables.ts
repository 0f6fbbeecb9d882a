/** Traces as tables, for the eye and for files. Pure. */
import type { TraceGrid, TraceView } from '../../worker/trace-api.ts';
import type { Table } from '../shared/table.ts';
import type { EffectCurve } from './effects.ts';

/** The heat map in figures: a row per token, a column per layer, P(answer) in the cells. */
export function gridTable(view: TraceView, grid: TraceGrid): Table {
  const layers = grid.scores[0]?.map((_, layer) => `layer ${layer}`) ?? [];
  return {
    columns: ['token', 'position', ...layers],
    rows: view.tokens.map((token, i) => [token.text, token.position, ...(grid.scores[i] ?? [])]),
  };
}

/** Every grid of the trace: a row per kind, token and layer. */
export function traceTable(view: TraceView): Table {
  const rows = view.grids.flatMap(({ kind, severed, scores, says }) =>
    view.tokens.flatMap((token, i) =>
      (scores[i] ?? []).map((score, layer) => [
        kind,
        severed,
        i,
        token.text,
        token.subject,
        token.position,
        layer,
        score,
        score === null ? null : score - view.corrupted,
        says[i]?.[layer] ?? null,
      ]),
    ),
  );
  return {
    columns: [
      'restored',
      'severed',
      'token index',
      'token',
      'subject',
      'position',
      'layer',
      'P(answer)',
      'indirect effect',
      'says',
    ],
    rows,
  };
}

/** The curves of the chart: a row per curve and layer. */
export function curveTable(curves: EffectCurve[]): Table {
  return {
    columns: ['curve', 'mean over', 'layer', 'effect', '95 % interval ±'],
    rows: curves.flatMap(({ name, count, effect, interval }) =>
      effect.map((value, layer) => [name, count, layer, value, interval?.[layer] ?? null]),
    ),
  };
}
