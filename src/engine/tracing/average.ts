/** Average indirect effects over many facts, by position class and layer. */
import { LayerMeans } from './layer-means.ts';
import { proposeBand, type LayerBand } from './band.ts';
import { positionsOf, TRACE_POSITIONS, type TracePosition } from './positions.ts';
import type { GridSpec } from './settings.ts';
import type { PromptTrace } from './trace.ts';

/** Average indirect effect of one position class, per layer. */
export interface AverageCurve extends GridSpec {
  readonly position: TracePosition;
  /** Facts that have such a token. */
  readonly facts: number;
  readonly effect: number[];
  /** Half of the 95 % interval: 1.96·std/√n. */
  readonly interval: number[];
}

export interface AverageTrace {
  /** Facts traced; those whose answer was not the known object are skipped and counted. */
  readonly facts: number;
  readonly skipped: number;
  /** Mean total effect P(clean) − P(corrupted), with half of its 95 % interval. */
  readonly totalEffect: { readonly mean: number; readonly interval: number };
  readonly curves: AverageCurve[];
  readonly band: LayerBand | null;
}

/** Collects traces one by one. A fact counts once in a class: the mean over its tokens there. */
export class TraceAverage {
  readonly #grids: readonly GridSpec[];
  readonly #layerCount: number;
  readonly #effects: ReadonlyMap<TracePosition, LayerMeans>[];
  readonly #total = new LayerMeans(1);
  #skipped = 0;

  constructor(grids: readonly GridSpec[], layerCount: number) {
    this.#grids = grids;
    this.#layerCount = layerCount;
    this.#effects = grids.map(() => new Map(TRACE_POSITIONS.map((position) => [position, new LayerMeans(layerCount)])));
  }

  get facts(): number {
    return this.#total.count;
  }

  get skipped(): number {
    return this.#skipped;
  }

  skip(): void {
    this.#skipped += 1;
  }

  /** @param subject half-open range of the subject's tokens */
  add(trace: PromptTrace, length: number, subject: readonly [number, number]): void {
    this.#total.add([trace.high - trace.low]);
    const positions = positionsOf(length, subject);
    this.#effects.forEach((means, grid) => {
      for (const [position, mean] of means) {
        const rows = trace.scores[grid].filter((_, token) => positions[token] === position);
        if (rows.length === 0) continue;
        const effect = Array.from(
          { length: this.#layerCount },
          (_, layer) => rows.reduce((sum, row) => sum + row[layer], 0) / rows.length - trace.low,
        );
        mean.add(effect);
      }
    });
  }

  result(): AverageTrace {
    const curves = this.#grids.flatMap((spec, grid) =>
      [...this.#effects[grid]].flatMap(([position, means]): AverageCurve[] =>
        means.count === 0
          ? []
          : [{ ...spec, position, facts: means.count, effect: means.mean(), interval: means.interval() }],
      ),
    );
    const curve = (severed: GridSpec['severed']): AverageCurve | undefined =>
      curves.find((each) => each.kind === 'hidden' && each.severed === severed && each.position === 'last subject');
    const [intact, severed] = [curve('none'), curve('mlp')];
    // Of two means over the same facts: at most this, where they rise and fall together.
    const noise = intact && severed && intact.interval.map((own, layer) => Math.hypot(own, severed.interval[layer]));
    return {
      facts: this.facts,
      skipped: this.#skipped,
      totalEffect: { mean: this.#total.mean()[0], interval: this.#total.interval()[0] },
      curves,
      band: intact && severed ? proposeBand(intact.effect, severed.effect, noise) : null,
    };
  }
}
