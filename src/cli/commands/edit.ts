/** `memit edit`: a list of requests becomes an edited model in a folder. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { EngineError } from '../../engine/errors.ts';
import { projectionOf } from '../../engine/families/family.ts';
import { runReportSchema, type RunReport } from '../../engine/methods/report.ts';
import type { Patch } from '../../engine/patches/patch.ts';
import { writePatchFile } from '../../engine/patches/patch-file.ts';
import { runEdit } from '../../engine/session/editing.ts';
import { exportModel } from '../../engine/session/export.ts';
import { verdictsOf } from '../../engine/session/verdicts.ts';
import type { ModelSession } from '../../engine/session/session.ts';
import { optionalText } from '../../engine/sources/model-source.ts';
import type { StepLosses } from '../../engine/targets/losses.ts';
import { fillPrompt, parseRequests, type EditRequest } from '../../engine/tokens/request.ts';
import { requestNotes } from '../../engine/tokens/request-notes.ts';
import { collectPaths, path, readPatch, readText } from '../files.ts';
import { writeJson, writeParts, writeWhole } from '../outputs.ts';
import { FolderStatistics } from '../folder-statistics.ts';
import { addMethodOptions, settingsOf, type GivenOptions } from '../method-options.ts';
import {
  addRunOptions,
  modelCommand,
  runOptionsOf,
  statisticsFilesOf,
  withSession,
  type ModelOptions,
  type RunOptions,
} from '../options.ts';
import { showKeptTargets, showPhase } from '../progress.ts';

/** Files beside the weights that `transformers` reads, and what the model comes with for asking and editing it: they go with the edited model. */
const COMPANIONS =
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|vocab|added_tokens|facts|benchmark)\.json$|^merges\.txt$/;

interface EditOptions extends ModelOptions, RunOptions {
  readonly requests: string;
  readonly out: string;
  readonly patch: string[];
  readonly method: string;
  readonly stats?: string;
  readonly strict: boolean;
  readonly report?: string;
}

export function editCommand(root: Command): void {
  const command = modelCommand(root, 'edit', 'run an editing method and write the edited model')
    .requiredOption('--requests <file>', 'JSON list of requests in the form of the reference', path)
    .requiredOption('--out <dir>', 'where the edited model goes', path)
    .option(
      '--patch <file>',
      'patch to lay under the edit, once per patch: the written model holds all of them',
      collectPaths,
      [],
    )
    .option('--stats <dir>', 'reads the covariances from here, or computes and writes them', path)
    .option(
      '--strict',
      'fail (exit code 1) when an edit did not take or contradicts another; all is written all the same',
      false,
    )
    .option('--report <file>', 'writes losses, norms, residuals and timings as JSON', path);
  addMethodOptions(addRunOptions(command)).action(edit);
}

async function edit(options: EditOptions & GivenOptions): Promise<void> {
  const { requests, notes } = parseRequests(await readText(options.requests));
  for (const note of notes) process.stderr.write(`${note}\n`);
  const conflicts = showRequestNotes(requests);
  const run = await runOptionsOf(options);
  const under = await Promise.all(options.patch.map(readPatch));
  const store =
    options.stats === undefined ? {} : { statisticsStore: new FolderStatistics(options.stats), ignoreShipped: true };
  const given = await statisticsFilesOf(options.statistics);
  await withSession(options, { ...store, ...given }, async (session) => {
    const { method, out } = options;
    for (const each of under) await session.add(each);
    const patch = await runEdit(session, requests, settingsOf(session, method, options), {
      method,
      ...run,
      onEvent: (event) => {
        if (event.kind === 'phase') showPhase(event.phase, event.done, event.total, event.detail);
        else if (event.kind === 'note') process.stderr.write(`${event.text}\n`);
      },
    });
    session.stack.push(patch);
    // Before the model, which may not fit: the run is in it.
    await writeWhole(join(out, 'patch.safetensors'), await writePatchFile(patch));
    const { parts } = await exportModel(session, 'safetensors', { dtype: 'source' });
    await writeParts(join(out, 'model.safetensors'), parts);
    await writeCompanions(session, out);
    if (options.report !== undefined) await writeJson(options.report, reportOf(patch, session));
    const report = runReportSchema.parse(patch.report);
    const missed = showVerdicts(requests, report);
    showKeptTargets(report, requests.length);
    const { layers } = report;
    const beneath = under.length === 0 ? '' : `, on top of ${under.length} ${under.length === 1 ? 'patch' : 'patches'}`;
    const where = layers.map(({ layer }) => layer).join(', ');
    process.stderr.write(`Wrote ${out}: ${requests.length} edits in layers ${where}${beneath}.\n`);
    if (options.strict && missed + conflicts > 0) {
      throw new EngineError(
        'numeric',
        `${missed} of ${requests.length} edits did not take, ${conflicts} contradict others.`,
      );
    }
  });
}

/** So that the edited model can be opened, asked and edited again as the one it came from; its statistics are another model's. */
async function writeCompanions({ source, notes }: ModelSession, out: string): Promise<void> {
  const text = notes.statistics?.text ?? 'statistics.txt';
  for (const { path: file } of (await source.list()) ?? []) {
    if (!COMPANIONS.test(file) && file !== text) continue;
    const bytes = await source.open(file);
    await writeWhole(join(out, file), await bytes.read(0, bytes.size));
  }
  const notesText = await optionalText(source, 'memit.json');
  if (notesText === null) return;
  const { statistics, ...kept } = JSON.parse(notesText) as Record<string, unknown>;
  await writeJson(join(out, 'memit.json'), statistics === undefined ? kept : { ...kept, statistics: { text } });
}

/** Says what the requests say twice or in two ways; how many contradict others. */
function showRequestNotes(requests: readonly EditRequest[]): number {
  let conflicts = 0;
  for (const { request, earlier, kind } of requestNotes(requests)) {
    const { prompt, subject, targetNew } = requests[request];
    const asked = `“${fillPrompt(prompt, subject)}”`;
    if (kind === 'conflict') conflicts += 1;
    const what =
      kind === 'repeat'
        ? `repeats record ${earlier + 1}: ${asked}.`
        : `contradicts record ${earlier + 1}: after ${asked} one wants “${targetNew.trim()}”, the other “${requests[earlier].targetNew.trim()}”.`;
    process.stderr.write(`Record ${request + 1} ${what}\n`);
  }
  return conflicts;
}

/** Says which edits did not take and which the model said already; how many did not. */
function showVerdicts(requests: readonly EditRequest[], report: RunReport): number {
  const verdicts = verdictsOf(requests, report) ?? [];
  const already = verdicts.filter(({ status }) => status === 'already').length;
  if (already > 0) process.stderr.write(`The model said ${already} of the new objects before the run already.\n`);
  let missed = 0;
  for (const [i, { status, reason }] of verdicts.entries()) {
    if (status !== 'missed') continue;
    missed += 1;
    const { prompt, subject } = requests[i];
    process.stderr.write(`Record ${i + 1} did not take: after “${fillPrompt(prompt, subject)}” ${reason}\n`);
  }
  return missed;
}

/** The run in the reference's words, one entry per edit and per layer. */
function reportOf(patch: Patch, { family }: ModelSession): unknown {
  const report = runReportSchema.parse(patch.report);
  const verdicts = verdictsOf(patch.requests, report);
  const stepsOf = patch.requests.map((): StepLosses[] => []);
  for (const loss of report.losses) stepsOf.at(loss.edit)?.push(loss);
  return {
    model: patch.modelName,
    model_hash: patch.modelHash,
    backend: report.backend,
    method: patch.method,
    settings: patch.settings,
    contexts: patch.contexts,
    statistics_tokens: report.statisticsTokens,
    kept_targets: report.keptTargets,
    edits: patch.requests.map((request, edit) => {
      const steps = stepsOf[edit];
      const last = steps.at(-1);
      return {
        case_id: request.caseId ?? edit,
        prompt: request.prompt,
        subject: request.subject,
        target_new: request.targetNew,
        steps: steps.map(({ step, loss, nll, kl, decay }) => ({ step, loss, nll, kl, decay })),
        ...(last && { delta_norm: last.deltaNorm, h0_norm: last.initialNorm }),
        ...(verdicts && { outcome: verdicts[edit].status }),
      };
    }),
    layers: report.layers.map((layer) => ({
      layer: layer.layer,
      tensor: projectionOf(family, layer.layer, 'mlp-output').tensor,
      relative_residual: layer.relativeResidual,
      update_norm: layer.updateNorm,
      weight_norm: layer.weightNorm,
      mean_residual: layer.meanResidual,
      seconds: layer.seconds,
    })),
    seconds: report.seconds,
  };
}
