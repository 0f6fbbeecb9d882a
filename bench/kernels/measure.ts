/** Times contestants in turn, so that what disturbs a machine disturbs all of them, and compares their results. */
import { type Case, nameOf, operationsOf } from './cases.ts';
import type { Contestant, Prepared } from './contestants.ts';

export interface Measurement {
  readonly case: string;
  readonly note: string;
  /** Median milliseconds by contestant. */
  readonly milliseconds: Readonly<Record<string, number>>;
  /** Operations a second, in units of 10⁹, by contestant. */
  readonly gflops: Readonly<Record<string, number>>;
  /** Largest difference from our result beside its largest element, by contestant. */
  readonly difference: Readonly<Record<string, number>>;
  /** Contestants that did not do this case, and why. */
  readonly failures: Readonly<Record<string, string>>;
}

const SAMPLES = 9;
/** A sample repeats the work for about this long. */
const SAMPLE_MS = 60;
const MOST_REPEATS = 64;
/** A contestant that needs longer for one run is timed by that one run. */
const LONGEST_SAMPLED_RUN_MS = 5_000;
/** One that would need longer, going by its last case of the operation, is left out. */
const LONGEST_RUN_MS = 20_000;
/** Results of more elements than this are not compared: reading them back takes longer than the work. */
const MOST_COMPARED = 2 ** 21;

interface Entrant {
  readonly name: string;
  readonly prepared: Prepared;
  repeats: number;
  readonly samples: number[];
}

/** What a contestant needed for an operation so far, by both their names: milliseconds and floating-point operations. */
export type Experience = Map<string, { milliseconds: number; operations: number }>;

export async function measure(
  work: Case,
  contestants: readonly Contestant[],
  experience: Experience,
): Promise<Measurement> {
  const entrants: Entrant[] = [];
  const failures: Record<string, string> = {};
  const results = new Map<string, Float32Array>();
  for (const contestant of contestants) {
    const last = experience.get(`${contestant.name} ${work.operation}`);
    if (last && (last.milliseconds * operationsOf(work)) / last.operations > LONGEST_RUN_MS) {
      failures[contestant.name] = 'left out, it would take too long';
      continue;
    }
    try {
      const prepared = await contestant.prepare(work);
      if (!prepared) continue;
      if (resultSize(work) <= MOST_COMPARED) results.set(contestant.name, await prepared.result());
      // Compiles, allocates, warms up.
      await prepared.run(1);
      const once = await timed(prepared, 1);
      const repeats = Math.max(1, Math.min(MOST_REPEATS, Math.round(SAMPLE_MS / once)));
      entrants.push({ name: contestant.name, prepared, repeats, samples: [once] });
      experience.set(`${contestant.name} ${work.operation}`, { milliseconds: once, operations: operationsOf(work) });
    } catch (error) {
      failures[contestant.name] = reasonOf(error);
    }
  }
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    for (const { name, prepared, repeats, samples } of entrants) {
      if (samples[0] >= LONGEST_SAMPLED_RUN_MS || name in failures) continue;
      try {
        samples.push((await timed(prepared, repeats)) / repeats);
      } catch (error) {
        failures[name] = reasonOf(error);
      }
    }
  }
  for (const { prepared } of entrants) await prepared.dispose();
  const finishers = entrants.filter(({ name }) => !(name in failures));
  const milliseconds = Object.fromEntries(finishers.map(({ name, samples }) => [name, median(samples)]));
  const own = results.get('ours');
  return {
    case: nameOf(work),
    note: work.operation === 'matmul' || 'note' in work ? (work.note ?? '') : '',
    milliseconds,
    gflops: Object.fromEntries(
      Object.entries(milliseconds).map(([name, time]) => [name, operationsOf(work) / time / 1e6]),
    ),
    difference: Object.fromEntries(
      [...results].filter(() => own).map(([name, values]) => [name, largestDifference(values, own!)]),
    ),
    failures,
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.split('\n')[0] : String(error);
}

async function timed(prepared: Prepared, count: number): Promise<number> {
  const start = performance.now();
  await prepared.run(count);
  return performance.now() - start;
}

function resultSize(work: Case): number {
  switch (work.operation) {
    case 'matmul':
      return work.m * work.n;
    case 'gram':
    case 'cholesky':
      return work.size ** 2;
    case 'triangular':
    case 'solve':
      return work.size * work.count;
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

function largestDifference(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length) return Infinity;
  let [largest, scale] = [0, 0];
  expected.forEach((value, i) => {
    scale = Math.max(scale, Math.abs(value));
    const difference = Math.abs(actual[i] - value);
    if (!(difference <= largest)) largest = difference;
  });
  return largest / scale;
}

/** Ours, the fastest peer, and every contestant in a line. */
export function lineOf(result: Measurement): string {
  const { ours, ...peers } = result.gflops;
  const cells = Object.entries(result.gflops).map(([name, rate]) => `${name} ${shown(rate)}`);
  const best = Math.max(0, ...Object.values(peers));
  const ratio = best > 0 && ours ? `  ours / best peer ${(ours / best).toFixed(2)}` : '';
  const apart = Object.entries(result.difference).filter(([, value]) => !(value < 1e-3));
  const warnings = [
    ...apart.map(([name, value]) => `${name} differs from ours by ${value.toExponential(1)}`),
    ...Object.entries(result.failures).map(([name, reason]) => `${name}: ${reason}`),
  ];
  return [
    `${`${result.case}${result.note && ` (${result.note})`}`.padEnd(52)} ${cells.join(', ')} GFLOP/s${ratio}`,
    ...warnings.map((warning) => `    ${warning}`),
  ].join('\n');
}

function shown(rate: number): string {
  return rate >= 100 ? rate.toFixed(0) : rate.toPrecision(3);
}
