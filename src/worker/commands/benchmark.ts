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
import type { ModelSession } from '../../engine/session/session.ts';
import type { WorkerApi, WorkerFailure } from '../api.ts';
import type { BenchmarkOptions, RecordSource } from '../benchmark-api.ts';
import { benchmarkReport, recordSetView } from '../benchmark-views.ts';
import type { WorkerHost } from '../host.ts';
import { estimator } from '../time-left.ts';

export function benchmarkCommands(
  host: WorkerHost,
): Pick<WorkerApi, 'tableColumns' | 'importRecords' | 'importReferences' | 'benchmark' | 'damage'> {
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
        const secondsLeft = estimator();
        const nameOf = stageNames(session, edit);
        const tell = (stage: string, done: number, total: number): void => {
          onEvent({ stage, done, total, secondsLeft: secondsLeft(stage, done, total) });
        };
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
