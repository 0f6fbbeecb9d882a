/** Traces from the command line: a file's prompts one by one, or their average, in the words of the reference's results. */
import { z } from 'zod';
import { EngineError } from '../engine/errors.ts';
import type { AverageTrace } from '../engine/tracing/average.ts';
import type { GridSpec, TraceKind, TraceSettings } from '../engine/tracing/settings.ts';
import type { PromptTrace, TraceBaseline } from '../engine/tracing/trace.ts';
import type { Tracer, TraceRequest } from '../engine/tracing/tracer.ts';
import type { ModelSession } from '../engine/session/session.ts';
import { placeSubject } from '../engine/tokens/template.ts';
import { showCount } from './progress.ts';

/** Kinds by the names the command line and the reference give them. */
export const KINDS: Readonly<Record<string, TraceKind>> = { hidden: 'hidden', mlp: 'mlp', attn: 'attention' };

/** A prompt of known_1000's form, with {} in the subject's place. */
export interface TracePrompt extends TraceRequest {
  readonly id: number | string;
  /** What the model is to answer; null when any answer is traced. */
  readonly attribute: string | null;
}

const promptsSchema = z
  .array(
    z.object({
      known_id: z.union([z.number(), z.string()]).optional(),
      prompt: z.string(),
      subject: z.string(),
      attribute: z.string().optional(),
    }),
  )
  .min(1);

/**
 * @param value JSON of known_1000's form: the subject stands in the prompt, or {} in its place
 * @param onNote what is taken otherwise than it stands
 * @throws EngineError ('input') naming the entry at fault
 */
export function parseTracePrompts(value: unknown, onNote: (note: string) => void): TracePrompt[] {
  const parsed = promptsSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new EngineError('input', `The list of prompts: ${issue.path.join('.')} ${issue.message}`);
  }
  return parsed.data.map(({ known_id: id, prompt, subject, attribute = null }, i) => {
    const placed = placeSubject(prompt, subject);
    if (placed === null) {
      throw new EngineError(
        'input',
        `The list of prompts: the subject “${subject}” of entry ${i} is not in its prompt.`,
      );
    }
    if (placed.note !== null) onNote(`Entry ${i}: ${placed.note}`);
    return { id: id ?? i, prompt: placed.template, subject, attribute };
  });
}

/** Facts done, of how many. */
type OnProgress = (done: number, total: number) => void;

/** Every prompt's own trace; those whose answer is not their attribute are left untraced and counted. */
export async function tracePrompts(
  session: ModelSession,
  prompts: readonly TracePrompt[],
  settings: TraceSettings,
  onProgress: OnProgress,
): Promise<unknown> {
  const { model, tokenizer, tracer } = session;
  const textOf = (id: number): string => tokenizer.tokenText(id);
  locateAll(tracer, prompts);
  const noise = settings.noise ?? (await tracer.noiseOver(prompts.map(({ subject }) => subject)));
  const results: unknown[] = [];
  let skipped = 0;
  for (const [done, prompt] of prompts.entries()) {
    onProgress(done, prompts.length);
    const { ids, subject } = tracer.locate(prompt);
    let answer = '';
    const progress = {
      onBaseline: (baseline: TraceBaseline) => {
        answer = textOf(baseline.answer);
        return true;
      },
    };
    const known = prompt.attribute === null ? null : { ...prompt, object: prompt.attribute };
    const trace = known
      ? await tracer.traceKnown(known, { ...settings, noise }, model.weights, {}, progress)
      : await tracer.trace(prompt, { ...settings, noise }, model.weights, {}, progress);
    if (!trace) skipped += 1;
    results.push({
      id: prompt.id,
      prompt: prompt.prompt,
      subject: prompt.subject,
      attribute: prompt.attribute,
      correct_prediction: known && trace !== null,
      answer,
      input_ids: ids,
      input_tokens: ids.map(textOf),
      subject_range: subject,
      ...(trace && scoresOf(trace, settings, textOf)),
    });
  }
  onProgress(prompts.length, prompts.length);
  return { ...headOf(session, settings, noise), skipped, traces: results };
}

/** The average over prompts, all of which need an attribute. */
export async function averagePrompts(
  session: ModelSession,
  prompts: readonly TracePrompt[],
  settings: TraceSettings,
  onProgress: OnProgress,
): Promise<unknown> {
  locateAll(session.tracer, prompts);
  const facts = prompts.map(({ prompt, subject, attribute }, i) => {
    if (attribute === null)
      throw new EngineError('input', `The list of prompts: entry ${i} has no attribute, which an average needs.`);
    return { prompt, subject, object: attribute };
  });
  return averageOf(session, settings, await session.tracer.average(facts, settings, {}, onProgress));
}

/** The average over `count` facts that the model is said to know. */
export async function averageFacts(
  session: ModelSession,
  count: number,
  settings: TraceSettings,
  onProgress: OnProgress,
): Promise<unknown> {
  const facts = await session.knowledge.drawFacts(count, settings.seed, {}, (asking, done, total) => {
    showCount(asking, done, total);
  });
  return averageOf(session, settings, await session.tracer.average(facts, settings, {}, onProgress));
}

/** Finds what is wrong with any of the prompts before the first is traced. */
function locateAll(tracer: Tracer, prompts: readonly TracePrompt[]): void {
  for (const prompt of prompts) tracer.locate(prompt);
}

function headOf(session: ModelSession, { samples, seed, generator }: TraceSettings, noise: number): object {
  const draw = generator === 'numpy1' ? 'numpy1' : seed;
  return { model: session.name, model_hash: session.hash, samples, noise, seed: draw };
}

function nameOf({ kind, severed }: GridSpec): { kind: string; severed: string | null } {
  const name = (wanted: string): string => (wanted === 'attention' ? 'attn' : wanted);
  return { kind: name(kind), severed: severed === 'none' ? null : name(severed) };
}

function scoresOf(trace: PromptTrace, { window }: TraceSettings, textOf: (id: number) => string): object {
  return {
    high_score: trace.high,
    low_score: trace.low,
    grids: trace.grids.map((spec, grid) => ({
      ...nameOf(spec),
      window: spec.kind === 'hidden' ? null : window,
      scores: trace.scores[grid],
      says: trace.says[grid].map((row) => row.map(textOf)),
    })),
  };
}

function averageOf(session: ModelSession, settings: TraceSettings, average: AverageTrace & { noise: number }): object {
  const { facts, skipped, totalEffect, curves, band, noise } = average;
  return {
    ...headOf(session, settings, noise),
    window: settings.window,
    facts,
    skipped,
    total_effect: totalEffect,
    curves: curves.map(({ position, facts: count, effect, interval, ...spec }) => ({
      ...nameOf(spec),
      position,
      facts: count,
      effect,
      interval,
    })),
    band: band && { layers: band.layers, reason: band.reason },
  };
}
