/** What the page is shown of records and of what came of measuring them. */
import type { MethodSettings } from '../engine/patches/patch.ts';
import type { PromptLosses } from '../engine/evaluation/record-losses.ts';
import type { ImportedRecords } from '../engine/evaluation/import.ts';
import { metricsOf, rightAndOther } from '../engine/evaluation/metrics.ts';
import { PROMPT_GROUPS, type PromptGroup, promptsOf } from '../engine/evaluation/records.ts';
import { caseFiles, type Evaluation, referenceForm } from '../engine/evaluation/report.ts';
import { fillPrompt } from '../engine/tokens/request.ts';
import type { BenchmarkReport, CaseView, PromptAnswerView, PromptOutcome, RecordSetView } from './benchmark-api.ts';

export function recordSetView(name: string, { records, faults, notes }: ImportedRecords): RecordSetView {
  const views = records.map((record) => {
    const { prompt, subject, target_new: targetNew, target_true: targetTrue } = record.requested_rewrite;
    return {
      prompt: fillPrompt(prompt, subject),
      targetNew: targetNew.str,
      targetTrue: targetTrue?.str ?? null,
      paraphrases: record.paraphrase_prompts.length,
      neighbours: record.neighborhood_prompts.length,
    };
  });
  const sum = (key: 'paraphrases' | 'neighbours'): number => views.reduce((total, view) => total + view[key], 0);
  return { name, records: views, paraphrases: sum('paraphrases'), neighbours: sum('neighbours'), faults, notes };
}

export function benchmarkReport(
  title: string,
  evaluation: Evaluation,
  edit: { readonly method: string; readonly settings: MethodSettings } | null,
  run: Pick<BenchmarkReport, 'seconds' | 'backend' | 'seed'>,
): BenchmarkReport {
  const { model, modelHash, patches, records, leftOut, before, after } = evaluation;
  return {
    title,
    model,
    modelHash,
    measuredAt: new Date().toISOString(),
    edits: edit ? records.length : 0,
    method: edit?.method ?? null,
    settings: edit?.settings ?? null,
    patches: [...patches],
    before: metricsOf(before),
    after: after && metricsOf(after),
    cases: records.map((_, i) => caseView(evaluation, i)),
    leftOut,
    ...run,
    caseFiles: caseFiles(evaluation),
    referenceJson: `${JSON.stringify(referenceForm(evaluation), null, 1)}\n`,
  };
}

function caseView({ records, before, after }: Evaluation, index: number): CaseView {
  const record = records[index];
  const { subject, target_new: targetNew, target_true: targetTrue } = record.requested_rewrite;
  const asked = promptsOf(record);
  const prompts = PROMPT_GROUPS.flatMap((group) =>
    asked[group].map((prompt, i): PromptOutcome => ({
      group,
      ...prompt,
      before: answerView(group, before.losses[index][group][i]),
      after: after && answerView(group, after.losses[index][group][i]),
    })),
  );
  const share = (group: PromptGroup): number | null => {
    const answers = prompts.filter((prompt) => prompt.group === group).map((prompt) => prompt.after ?? prompt.before);
    if (answers.length === 0) return null;
    const compared = answers.filter(({ margin }) => margin !== null);
    if (compared.length > 0) return compared.filter(({ success }) => success).length / compared.length;
    const tokens = (key: 'tokens' | 'of'): number => answers.reduce((sum, { correct }) => sum + correct[key], 0);
    return tokens('tokens') / tokens('of');
  };
  return {
    caseId: String(record.case_id),
    subject,
    targetNew: targetNew.str,
    targetTrue: targetTrue?.str ?? null,
    prompts,
    texts: before.texts && { before: before.texts[index], after: after?.texts?.[index] ?? null },
    shares: { rewrite: share('rewrite'), paraphrase: share('paraphrase'), neighborhood: share('neighborhood') },
  };
}

function answerView(group: PromptGroup, losses: PromptLosses): PromptAnswerView {
  const { targetNew, targetTrue, correct } = losses;
  const pair = rightAndOther(group, losses);
  const margin = pair && pair[1] - pair[0];
  return {
    targetNew: targetNew === null ? null : Math.exp(-targetNew),
    targetTrue: targetTrue === null ? null : Math.exp(-targetTrue),
    success: margin === null ? correct.every(Boolean) : margin > 0,
    correct: { tokens: correct.filter(Boolean).length, of: correct.length },
    margin,
  };
}
