/** `memit trace`: causal traces of prompts, or their average. */
import { InvalidArgumentError, type Command } from 'commander';
import { EngineError } from '../../engine/errors.ts';
import { TRACE_DEFAULTS, windowOf, type TraceKind, type TraceSettings } from '../../engine/tracing/settings.ts';
import { path, readJson } from '../files.ts';
import { writeJson } from '../outputs.ts';
import { decimalNumber, modelCommand, parseCount, parseSeed, withSession, type ModelOptions } from '../options.ts';
import { showNote, showPhase } from '../progress.ts';
import { averageFacts, averagePrompts, KINDS, parseTracePrompts, tracePrompts } from '../trace.ts';

interface TraceOptions extends ModelOptions {
  readonly prompts?: string;
  readonly facts?: number;
  readonly average: boolean;
  readonly kinds: TraceKind[];
  readonly severed: boolean;
  readonly samples: number;
  readonly window?: number;
  readonly noise?: number;
  readonly seed: number | 'numpy1';
  readonly out: string;
}

export function traceCommand(root: Command): void {
  modelCommand(root, 'trace', 'causal trace: which states bring the answer back when the subject is corrupted')
    .option('--prompts <file>', 'JSON list in the form of known_1000: prompt, subject, attribute', path)
    .option('--average', 'effects averaged over the prompts, by position class', false)
    .option('--facts <n>', 'average over this many facts the model knows instead of prompts', parseCount)
    .option('--kinds <a,b,c>', 'hidden, mlp, attn', parseKinds, [...TRACE_DEFAULTS.kinds])
    .option('--severed', 'also hidden states with MLPs and with attention severed (frozen)', false)
    .option('--samples <n>', 'corrupted runs', parseCount, TRACE_DEFAULTS.samples)
    .option('--window <n>', 'layers restored together, of the kinds mlp and attn; 10 of 48 when absent', parseCount)
    .option('--noise <s>', 'standard deviation; three times that of the subjects’ embeddings when absent', parseNoise)
    .option('--seed <n>', 'seed of the noise, or numpy1 for RandomState(1)', parseTraceSeed, TRACE_DEFAULTS.seed)
    .requiredOption('--out <file>', 'where the result goes, as JSON', path)
    .action(trace);
}

async function trace(options: TraceOptions): Promise<void> {
  const { kinds, severed, samples, window, noise = null, seed, facts } = options;
  const draw = seed === 'numpy1' ? { seed: 1, generator: 'numpy1' as const } : { seed, generator: 'seeded' as const };
  const progress = (done: number, total: number): void =>
    showPhase('trace', done, total, `${done} of ${total} prompts`);
  if ((options.prompts === undefined) === (facts === undefined)) {
    throw new EngineError('input', 'Give either --prompts or, with --average, --facts.');
  }
  if (facts !== undefined && !options.average) throw new EngineError('input', '--facts goes with --average.');
  await withSession(options, {}, async (session) => {
    const chosen = window ?? windowOf(session.model.config.layerCount);
    const settings: TraceSettings = { kinds, severed, samples, window: chosen, noise, ...draw };
    let result: unknown;
    if (facts !== undefined) result = await averageFacts(session, facts, settings, progress);
    else {
      const prompts = parseTracePrompts(await readJson(options.prompts!), showNote);
      result = await (options.average ? averagePrompts : tracePrompts)(session, prompts, settings, progress);
    }
    await writeJson(options.out, result);
    process.stderr.write(`Wrote ${options.out}.\n`);
  });
}

function parseTraceSeed(value: string): number | 'numpy1' {
  return value === 'numpy1' ? value : parseSeed(value);
}

function parseNoise(value: string): number {
  const noise = decimalNumber(value);
  if (noise === null || !(noise > 0 && Number.isFinite(noise)))
    throw new InvalidArgumentError('The noise is a standard deviation above 0.');
  return noise;
}

function parseKinds(value: string): TraceKind[] {
  const names = value.split(',').map((part) => part.trim());
  if (names.some((name) => !Object.hasOwn(KINDS, name)) || new Set(names).size < names.length) {
    throw new InvalidArgumentError(`Kinds are ${Object.keys(KINDS).join(', ')}, with commas between, each once.`);
  }
  return names.map((name) => KINDS[name]);
}
