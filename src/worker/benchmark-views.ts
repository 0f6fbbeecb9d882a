/** What the page is shown of records and of what came of measuring them. */
import { PROMPT_GROUPS, type PromptGroup, type PromptLosses } from '../engine/evaluation/counterfact.ts';
import type { ImportedRecords } from '../engine/evaluation/import.ts';
import { metricsOf } from '../engine/evaluation/metrics.ts';
import type { CounterFactRecord } from '../engine/evaluation/records.ts';
import { type Evaluation, referenceForm } from '../engine/evaluation/report.ts';
import { fillPrompt } from '../engine/tokens/request.ts';
import type { BenchmarkReport, CaseView, PromptAnswerView, PromptOutcome, RecordSetView } from './benchmark-api.ts';

const SAMPLES = 5;

export function recordSetView(name: string, { records, faults, notes }: ImportedRecords): RecordSetView {
  return {
    name,
    count: records.length,
    samples: records.slice(0, SAMPLES).map(({ requested_rewrite: rewrite }) => ({
      subject: rewrite.subject,
      prompt: fillPrompt(rewrite.prompt, rewrite.subject),
      targetNew: rewrite.target_new.str,
      targetTrue: rewrite.target_true.str,
    })),
    paraphrases: records.reduce((sum, record) => sum + record.paraphrase_prompts.length, 0),
    neighbours: records.reduce((sum, record) => sum + record.neighborhood_prompts.length, 0),
    faults,
    notes,
  };
}

export function benchmarkReport(
  title: string,
  evaluation: Evaluation,
  edits: number,
  seconds: number,
): BenchmarkReport {
  const { model, patches, records, before, after } = evaluation;
  return {
    title,
    model,
    edits,
    patches: [...patches],
    before: metricsOf(before),
    after: after && metricsOf(after),
    cases: records.map((_, i) => caseView(evaluation, i)),
    seconds,
    referenceJson: `${JSON.stringify(referenceForm(evaluation), null, 1)}\n`,
  };
}

function caseView({ records, before, after }: Evaluation, index: number): CaseView {
  const record = records[index];
  const { subject, target_new: targetNew, target_true: targetTrue } = record.requested_rewrite;
  const prompts = PROMPT_GROUPS.flatMap((group) =>
    promptsOf(record, group).map((prompt, i): PromptOutcome => ({
      group,
      prompt,
      before: answerView(group, before[index][group][i]),
      after: after && answerView(group, after[index][group][i]),
    })),
  );
  const share = (group: PromptGroup): number | null => {
    const asked = prompts.filter((prompt) => prompt.group === group);
    if (asked.length === 0) return null;
    return asked.filter(({ before: was, after: is }) => (is ?? was).success).length / asked.length;
  };
  return {
    caseId: String(record.case_id),
    subject,
    targetNew: targetNew.str,
    targetTrue: targetTrue.str,
    prompts,
    shares: { rewrite: share('rewrite'), paraphrase: share('paraphrase'), neighborhood: share('neighborhood') },
  };
}

function promptsOf(record: CounterFactRecord, group: PromptGroup): string[] {
  const { prompt, subject } = record.requested_rewrite;
  if (group === 'rewrite') return [fillPrompt(prompt, subject)];
  return group === 'paraphrase' ? record.paraphrase_prompts : record.neighborhood_prompts;
}

function answerView(group: PromptGroup, { targetNew, targetTrue }: PromptLosses): PromptAnswerView {
  const margin = group === 'neighborhood' ? targetNew - targetTrue : targetTrue - targetNew;
  return { targetNew: Math.exp(-targetNew), targetTrue: Math.exp(-targetTrue), success: margin > 0, margin };
}
