/** The curves of a trace: effect by layer, per position of the token. Pure. */
import type { AverageTraceView, Severed, TracePosition, TraceView } from '../../worker/trace-api.ts';
import type { CurveChoice } from '../store/trace.ts';

export const POSITIONS: readonly TracePosition[] = [
  'first subject',
  'middle subject',
  'last subject',
  'first after',
  'further',
  'last',
];

/** In words: "first subject token", "tokens further on". */
export const positionNames: Record<TracePosition, string> = {
  'first subject': 'first subject token',
  'middle subject': 'middle subject tokens',
  'last subject': 'last subject token',
  'first after': 'first token after it',
  further: 'further tokens',
  last: 'last token',
};

/** What a curve is of: a position of the token, or at the last subject token what is severed. */
export type CurveId = TracePosition | 'intact' | 'MLPs severed' | 'attention severed';

export interface EffectCurve {
  id: CurveId;
  name: string;
  /** Per layer: P(answer) with the state restored, less that without; null while it has not arrived. */
  effect: (number | null)[];
  /** Half of the 95 % interval per layer; null for a single prompt. */
  interval: number[] | null;
  /** Tokens, or facts, that the curve is a mean over. */
  count: number;
}

const severedCurves: { id: CurveId; name: string; severed: Severed }[] = [
  { id: 'intact', name: 'nothing severed', severed: 'none' },
  { id: 'MLPs severed', name: 'MLPs severed', severed: 'mlp' },
  { id: 'attention severed', name: 'attention severed', severed: 'attention' },
];

/** The curves that a choice asks for, as what to look for in a trace. */
function wanted(
  choice: CurveChoice,
): { id: CurveId; name: string; kind: string; severed: Severed; position: TracePosition }[] {
  if (choice === 'severed') {
    return severedCurves.map((curve) => ({ ...curve, kind: 'hidden', position: 'last subject' }));
  }
  return POSITIONS.map((position) => ({
    id: position,
    name: positionNames[position],
    kind: choice,
    severed: 'none',
    position,
  }));
}

function meanOf(values: (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** Indirect effects of one prompt, [position][layer], each the mean over the tokens of that position. */
export function promptCurves(view: TraceView, choice: CurveChoice): EffectCurve[] {
  return wanted(choice).flatMap(({ id, name, kind, severed, position }) => {
    const grid = view.grids.find((candidate) => candidate.kind === kind && candidate.severed === severed);
    const rows = grid?.scores.filter((_, token) => view.tokens[token]?.position === position) ?? [];
    const first = rows.at(0);
    if (!first) return [];
    const effect = first.map((_, layer) => {
      const score = meanOf(rows.map((row) => row[layer] ?? null));
      return score === null ? null : score - view.corrupted;
    });
    return [{ id, name, effect, interval: null, count: rows.length }];
  });
}

/** Average indirect effects over many facts. */
export function averageCurves(average: AverageTraceView, choice: CurveChoice): EffectCurve[] {
  return wanted(choice).flatMap(({ id, name, kind, severed, position }) => {
    const curve = average.curves.find(
      (candidate) => candidate.kind === kind && candidate.severed === severed && candidate.position === position,
    );
    return curve && curve.facts > 0
      ? [{ id, name, effect: curve.effect, interval: curve.interval, count: curve.facts }]
      : [];
  });
}

/** The choices that a trace has curves for. */
export function curveChoices(grids: { kind: string; severed: Severed }[]): CurveChoice[] {
  const kinds = (['hidden', 'mlp', 'attention'] as const).filter((kind) =>
    grids.some((grid) => grid.kind === kind && grid.severed === 'none'),
  );
  return grids.some((grid) => grid.severed !== 'none') ? [...kinds, 'severed'] : kinds;
}
