/** Records: read from files, drawn, measured before and after an edit; and the damage that patches do. */
import { drawRecords } from '../../engine/evaluation/benchmark.ts';
import { importRecords, tableColumns } from '../../engine/evaluation/import.ts';
import type { EvaluationRecord } from '../../engine/evaluation/records.ts';
import { ReferenceTexts } from '../../engine/evaluation/reference-texts.ts';
import { EngineError } from '../../engine/errors.ts';
import type { Job } from '../../engine/job.ts';
import type { KnowledgeProgress } from '../../engine/knowledge/knowledge.ts';
import { methodOf } from '../../engine/methods/registry.ts';
import { runBenchmark, type BenchmarkStage } from '../../engine/session/benchmark.ts';
import { measureDamage } from '../../engine/session/damage.ts';
import { phasesOf } from '../../engine/session/editing.ts';
import { runSweep, type SweepResult, type SweepStage } from '../../engine/session/sweep.ts';
import type { ModelSession } from '../../engine/session/session.ts';
import type { WorkerApi, WorkerFailure } from '../api.ts';
import type { BenchmarkEvent, BenchmarkOptions, RecordSource, SweepReport } from '../benchmark-api.ts';
import { benchmarkReport, recordSetView } from '../benchmark-views.ts';
import type { WorkerHost } from '../host.ts';
import { estimator } from '../time-left.ts';

export function benchmarkCommands(
  host: WorkerHost,
): Pick<WorkerApi, 'tableColumns' | 'importRecords' | 'importReferences' | 'benchmark' | 'sweep' | 'damage'> {
  /** Read last, for a benchmark to come. */
  let imported: { name: string; records: readonly EvaluationRecord[] } | null = null;
  let references: ReferenceTexts | null = null;

  /** The records of a benchmark and what they are called. */
  async function recordsOf(
    session: ModelSession,
    source: RecordSource,
    job: Job,
    onProgress: KnowledgeProgress,
  ): Promise<{ title: string; records: readonly EvaluationRecord[] }> {
    const { count, seed } = source;
    if (source.kind === 'imported') {
      if (!imported) throw new EngineError('input', 'No records are imported.', { next: 'Import a file of records.' });
      const { name, records } = imported;
      const all = count >= records.length;
      return {
        title: all ? name : `${count} of ${name}`,
        records: all ? records : drawRecords(records, count, seed),
      };
    }
    const { records, origin } = await session.knowledge.drawRecords(count, seed, job, onProgress);
    const title = count === 1 ? 'One known fact' : `${count} known facts`;
    return { title: origin === 'shipped' ? `${title} of CounterFact` : title, records };
  }

  return {
    tableColumns: (text) => host.inTurn(() => Promise.resolve(tableColumns(text))),

    importRecords: (name, text, mapping) =>
      host.inTurn(() => {
        const read = importRecords(text, { facts: host.session?.facts, ...(mapping && { mapping }) });
        imported = { name, records: read.records };
        return Promise.resolve(recordSetView(name, read));
      }),

    importReferences: (name, text) =>
      host.inTurn(() => {
        references = ReferenceTexts.parse(text);
        return Promise.resolve({ name, texts: references.count, objects: references.objects });
      }),

    benchmark: (source, { edit, generate }, onEvent) =>
      host.withModel(async (session, job) => {
        const began = performance.now();
        const nameOf = stageNames(session, edit);
        const tell = teller(onEvent);
        tell('Choosing records', 0, 1);
        const { title, records } = await recordsOf(session, source, job, (_, done, total) => {
          tell('Choosing records', done, total);
        });
        const generation = generate ? { seed: source.seed, references } : null;
        let unsaved: WorkerFailure | null = null;
        const { evaluation } = await runBenchmark(session, { records, edit, generation }, job, {
          onProgress: (stage, done, total) => {
            tell(nameOf(stage), done, total);
          },
          onPatch: async () => {
            unsaved = await host.saveHistory(session);
          },
        });
        const seconds = (performance.now() - began) / 1000;
        return {
          report: benchmarkReport(title, evaluation, edit, {
            seconds,
            backend: session.backend.name,
            seed: source.seed,
          }),
          history: host.history(session, unsaved),
        };
      }),

    sweep: (source, { axis, method, settings, damageFacts }, onEvent, onPoint) =>
      host.withModel(async (session, job) => {
        const began = performance.now();
        const tell = teller(onEvent);
        tell('Choosing records', 0, 1);
        const { title, records } = await recordsOf(session, source, job, (_, done, total) => {
          tell('Choosing records', done, total);
        });
        const { seed } = source;
        const reportOf = (result: SweepResult): SweepReport => ({
          ...result,
          title,
          seed,
          seconds: (performance.now() - began) / 1000,
        });
        const plan = { records, axis, edit: { method, settings }, damageFacts, seed };
        const result = await runSweep(session, plan, job, {
          onProgress: (stage, done, total) => {
            tell(sweepStageName(stage, axis.values.length), done, total);
          },
          onPoint: (sofar) => onPoint(reportOf(sofar)),
        });
        return reportOf(result);
      }),

    damage: (count, onEvent) =>
      host.withModel(async (session, job) => {
        const began = performance.now();
        const stage = 'Asking what was not edited';
        const secondsLeft = estimator();
        const measured = await measureDamage(session, { count, seed: 0 }, job, (done, total) => {
          onEvent({ stage, done, total, secondsLeft: secondsLeft(stage, done, total) });
        });
        const { perplexityBefore, steps } = measured;
        const { questions, sentences } = measured.sample;
        const seconds = (performance.now() - began) / 1000;
        return {
          facts: questions.length,
          sentences: sentences.length,
          perplexityBefore,
          steps: [...steps],
          seconds,
        };
      }),
  };
}

/** Tells how far a stage is, and how long it will take. */
function teller(onEvent: (event: BenchmarkEvent) => void): (stage: string, done: number, total: number) => void {
  const secondsLeft = estimator();
  return (stage, done, total) => {
    onEvent({ stage, done, total, secondsLeft: secondsLeft(stage, done, total) });
  };
}

function sweepStageName(stage: SweepStage, count: number): string {
  if (stage.point === null) return stage.kind === 'damage' ? 'Facts for damage' : 'Asking the unedited model';
  const what = stage.kind === 'edit' ? `editing, ${stage.phase}` : stage.kind === 'ask' ? 'asking' : 'damage';
  return `Value ${stage.point + 1} of ${count}: ${what}`;
}

/** What the stages of a benchmark are called. */
function stageNames(session: ModelSession, edit: BenchmarkOptions['edit']): (stage: BenchmarkStage) => string {
  const phases = edit ? phasesOf(methodOf(edit.method, session.methods), edit.settings) : [];
  return (stage) => {
    if (stage.kind === 'edit') {
      const label = phases.find(({ id }) => id === stage.phase)?.label ?? stage.phase;
      return `Editing: ${label.toLowerCase()}`;
    }
    return stage.part === 'texts' ? `Texts of the ${stage.model} model` : `Asking the ${stage.model} model`;
  };
}
