/** What `evaluate` and `benchmark` share: records in, metrics out. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { EngineError } from '../engine/errors.ts';
import { drawRecords } from '../engine/evaluation/benchmark.ts';
import type { FittedRecords } from '../engine/evaluation/fitting.ts';
import type { GenerationOptions } from '../engine/evaluation/generation.ts';
import { importRecords } from '../engine/evaluation/import.ts';
import type { EvaluationRecord } from '../engine/evaluation/records.ts';
import { ReferenceTexts } from '../engine/evaluation/reference-texts.ts';
import { caseFiles, referenceForm, type Evaluation } from '../engine/evaluation/report.ts';
import type { BenchmarkStage } from '../engine/session/benchmark.ts';
import type { ModelSession } from '../engine/session/session.ts';
import { path, readText } from './files.ts';
import { writeJson, writeWhole } from './outputs.ts';
import { modelCommand, parseSeed, type ModelOptions } from './options.ts';
import { showCount } from './progress.ts';

export interface EvaluationOptions extends ModelOptions {
  readonly out: string;
  readonly seed: number;
  readonly generate: boolean;
  readonly references?: string;
  readonly cases?: string;
}

export function evaluationCommand(root: Command, name: string, description: string): Command {
  return modelCommand(root, name, description)
    .option('--generate', 'also let the model write texts: fluency (GE) and consistency (RS)', false)
    .option('--references <file>', 'texts about the new objects, for RS: attribute_snippets.json or object, text', path)
    .option('--seed <n>', 'seed of every draw', parseSeed, 0)
    .option('--cases <dir>', 'also writes a file a case there, for the reference’s summarize.py', path)
    .requiredOption('--out <file>', 'where the result goes, as JSON', path);
}

/** What texts are to be written, or null. */
export async function generationOf({
  generate,
  references,
  seed,
}: EvaluationOptions): Promise<GenerationOptions | null> {
  if (!generate) {
    if (references !== undefined) throw new EngineError('input', '--references goes with --generate.');
    return null;
  }
  return { seed, references: references === undefined ? null : ReferenceTexts.parse(await readText(references)) };
}

/** Says on standard error which records are left out, or not whole, and why. */
export async function readRecords(file: string, { facts }: ModelSession): Promise<EvaluationRecord[]> {
  const { records, faults, notes } = importRecords(await readText(file), { facts });
  for (const { record, reason } of faults) process.stderr.write(`Record ${record} is left out: ${reason}\n`);
  for (const { record, reason } of notes) process.stderr.write(`Record ${record}: ${reason}\n`);
  return records;
}

export interface DrawOptions {
  readonly records?: string;
  readonly edits: number;
  readonly seed: number;
}

/** Drawn from a file, else from the model's own records, else from those that ship, of which it is asked for those it knows. */
export async function drawnRecords(
  session: ModelSession,
  { records: file, edits, seed }: DrawOptions,
): Promise<EvaluationRecord[]> {
  const all = file === undefined ? await session.knowledge.ownRecords() : await readRecords(file, session);
  if (all) return drawRecords(all, edits, seed);
  const { records } = await session.knowledge.drawRecords(edits, seed, {}, (asking, done, total) => {
    showCount(asking, done, total);
  });
  return records;
}

/** The same of what the model cannot be asked. */
export function showLeftOut({ leftOut }: FittedRecords): void {
  for (const { caseId, reason } of leftOut) process.stderr.write(`Case ${caseId}: left out ${reason}\n`);
}

export function showStage(stage: BenchmarkStage, done: number, total: number): void {
  const name = stage.kind === 'edit' ? stage.phase : stage.model === 'unedited' ? 'before' : 'after';
  showCount(stage.kind === 'ask' && stage.part === 'texts' ? `${name}, texts` : name, done, total);
}

/** One file, and a folder of the reference's own files where that is wanted. */
export async function writeEvaluation(
  { out, cases }: EvaluationOptions,
  evaluation: Evaluation,
  more = {},
): Promise<void> {
  await writeJson(out, { ...more, ...referenceForm(evaluation) });
  if (cases === undefined) return;
  for (const { name, content } of caseFiles(evaluation)) await writeWhole(join(cases, name), content);
}
