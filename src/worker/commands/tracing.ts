/** Causal traces: of one prompt, and averaged over known facts. */
import type { WorkerApi } from '../api.ts';
import type { WorkerHost } from '../host.ts';
import { ASKING } from '../knowledge-views.ts';
import { estimator } from '../time-left.ts';
import type { AverageTraceView, TraceSettings, TraceView } from '../trace-api.ts';
import { emptyTraceView, finishedTraceView, tokenEvent } from '../trace-views.ts';
import { requestOf } from '../views.ts';

export function tracingCommands(host: WorkerHost): Pick<WorkerApi, 'trace' | 'averageTrace'> {
  return {
    trace: (draft, settings, unedited, onEvent) =>
      host.withModel(async (session, job) => {
        const began = performance.now();
        const request = requestOf(session, draft);
        const prompt = session.tracer.locate(request);
        const secondsLeft = estimator();
        let view: TraceView | null = null;
        const weights = unedited ? session.model.weights : await session.weights();
        const trace = await session.tracer.trace(request, settings, weights, job, {
          onBaseline: (baseline) => {
            view = emptyTraceView(session, request, prompt, baseline);
            onEvent({ kind: 'start', view });
            return true;
          },
          onToken: (traced) => {
            onEvent(tokenEvent(session, traced));
          },
          onProgress: (done, total) => {
            const detail = `${Math.round((100 * done) / total)} % of the token-layers`;
            onEvent({ kind: 'progress', done, total, detail, secondsLeft: secondsLeft('trace', done, total) });
          },
        });
        return finishedTraceView(session, view!, trace, (performance.now() - began) / 1000);
      }),

    averageTrace: (count, settings, onEvent) =>
      host.withModel(async (session, job) => {
        const kept = await host.storage.loadAverageTrace(session.hash);
        if (kept && isAnswerTo(kept, count, settings)) return kept;
        const began = performance.now();
        const secondsLeft = estimator();
        const facts = await session.knowledge.drawFacts(count, settings.seed, job, (asking, done, total) => {
          const detail = `${ASKING[asking]}: ${done} of ${total}`;
          onEvent({ kind: 'progress', done, total, detail, secondsLeft: secondsLeft(asking, done, total) });
        });
        const average = await session.tracer.average(facts, settings, job, (done, total, skipped) => {
          const detail = `${done} of ${total} facts${skipped > 0 ? `, ${skipped} skipped` : ''}`;
          onEvent({ kind: 'progress', done, total, detail, secondsLeft: secondsLeft('facts', done, total) });
        });
        const view = { ...average, settings, seconds: (performance.now() - began) / 1000 };
        await host.storage.saveAverageTrace(session.hash, view);
        return view;
      }),
  };
}

/** Whether a kept average is what is asked for now. */
function isAnswerTo(kept: AverageTraceView, count: number, settings: TraceSettings): boolean {
  return kept.facts + kept.skipped === count && JSON.stringify(kept.settings) === JSON.stringify(settings);
}
