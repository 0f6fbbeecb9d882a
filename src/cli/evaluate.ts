/** CounterFact's metrics from the command line, before and after patches or a run, in the form of the reference's results. */
import type { MemitSettings } from '../engine/editing/settings.ts';
import type { Patch } from '../engine/editing/patch.ts';
import { EngineError } from '../engine/errors.ts';
import { evaluateRecords, PROMPT_GROUPS, type RecordLosses } from '../engine/evaluation/counterfact.ts';
import { metricsOf, type Metric } from '../engine/evaluation/metrics.ts';
import type { CounterFactRecord } from '../engine/evaluation/records.ts';
import { seededRandom } from '../engine/random.ts';
import type { EditRequest } from '../engine/tokens/request.ts';
import type { Workbench } from '../engine/workbench.ts';

type OnProgress = (phase: string, done: number, total: number) => void;

/** The records asked of the model as it came, and with `patches` on it where there are any. */
export async function evaluatePatches(
  bench: Workbench,
  records: readonly CounterFactRecord[],
  patches: readonly Patch[],
  onProgress: OnProgress,
): Promise<unknown> {
  const ask = async (phase: string): Promise<RecordLosses[]> =>
    evaluateRecords(bench.model, bench.tokenizer, await bench.weights(), records, {}, (done, total) => {
      onProgress(phase, done, total);
    });
  const pre = await ask('before');
  for (const patch of patches) {
    bench.assertFits(patch);
    bench.stack.push(patch);
  }
  const post = patches.length === 0 ? null : await ask('after');
  return {
    model: bench.name,
    model_hash: bench.hash,
    patches: patches.map(({ name }) => name),
    summary: { pre: summaryOf(pre), ...(post && { post: summaryOf(post) }) },
    cases: records.map((record, i) => ({
      case_id: record.case_id,
      requested_rewrite: record.requested_rewrite,
      pre: caseOf(pre[i]),
      ...(post && { post: caseOf(post[i]) }),
    })),
  };
}

/** `count` records, each equally likely and no subject twice; the same ones for the same seed. */
export function drawRecords(records: readonly CounterFactRecord[], count: number, seed: number): CounterFactRecord[] {
  const random = seededRandom(seed);
  const left = [...records];
  const drawn = new Map<string, CounterFactRecord>();
  while (drawn.size < count && left.length > 0) {
    const [record] = left.splice(Math.floor(random() * left.length), 1);
    const { subject } = record.requested_rewrite;
    if (!drawn.has(subject)) drawn.set(subject, record);
  }
  if (drawn.size < count) {
    throw new EngineError(
      'input',
      `${count} records were asked for; the file has ${drawn.size} with subjects of their own.`,
    );
  }
  return [...drawn.values()];
}

/** Writes all records' new objects in one run, and asks before and after. */
export async function benchmark(
  bench: Workbench,
  records: readonly CounterFactRecord[],
  settings: MemitSettings,
  onProgress: OnProgress,
): Promise<unknown> {
  const requests = records.map(requestOf);
  const patch = await bench.edit(requests, settings, { progress: { onPhase: onProgress } });
  const result = (await evaluatePatches(bench, records, [patch], onProgress)) as object;
  return { settings: patch.settings, contexts: patch.contexts, num_edits: records.length, ...result };
}

function requestOf({ case_id: caseId, requested_rewrite: rewrite }: CounterFactRecord): EditRequest {
  const { prompt, subject, target_new: targetNew, target_true: targetTrue, relation_id: relationId } = rewrite;
  return {
    caseId,
    prompt,
    subject,
    targetNew: targetNew.str,
    targetTrue: targetTrue.str,
    ...(relationId === undefined ? {} : { relationId }),
  };
}

/** Percent, as the reference's summaries are: [mean, half of the 95 % interval] by its names. */
function summaryOf(losses: readonly RecordLosses[]): object {
  const { groups, score } = metricsOf(losses);
  const percent = ({ mean, interval }: Metric): [number, number] => [round(100 * mean), round(100 * interval)];
  const entries = PROMPT_GROUPS.flatMap((group): [string, [number, number]][] => {
    const metrics = groups[group];
    if (!metrics) return [];
    return [
      [`${group}_success`, percent(metrics.success)],
      [`${group}_diff`, percent(metrics.magnitude)],
      [`${group}_acc`, percent(metrics.accuracy)],
    ];
  });
  return { ...Object.fromEntries(entries), score: score === null ? null : round(100 * score) };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function caseOf(losses: RecordLosses): object {
  const entries = PROMPT_GROUPS.flatMap((group): [string, unknown][] => [
    [
      `${group}_prompts_probs`,
      losses[group].map(({ targetNew, targetTrue }) => ({ target_new: targetNew, target_true: targetTrue })),
    ],
    [`${group}_prompts_correct`, losses[group].map(({ correct }) => correct)],
  ]);
  return Object.fromEntries(entries);
}
