/** The logit lens of a prompt, before the patches in force and with them. */
import { predictions } from '../../engine/evaluation/compare.ts';
import type { LensGrid } from '../../engine/lens/lens.ts';
import { compareLens, editedLayers, type LensQuestion } from '../../engine/session/lens.ts';
import type { ModelSession } from '../../engine/session/session.ts';
import { locateSubject } from '../../engine/tokens/lookup.ts';
import { fillPrompt } from '../../engine/tokens/request.ts';
import type { WorkerApi } from '../api.ts';
import type { WorkerHost } from '../host.ts';
import type { LensCellView, LensPrompt } from '../lens-api.ts';
import { estimator } from '../time-left.ts';
import { requestOf } from '../views.ts';

export function lensCommands(host: WorkerHost): Pick<WorkerApi, 'lens'> {
  return {
    lens: (asked, onProgress) =>
      host.withModel(async (session, job) => {
        const began = performance.now();
        const secondsLeft = estimator();
        const { question, isSubject } = questionOf(session, asked);
        const { ids, followed, before, after } = await compareLens(session, question, job, (done, total) => {
          onProgress({ done, total, secondsLeft: secondsLeft('lens', done, total) });
        });
        const textOf = (id: number): string => session.tokenizer.tokenText(id);
        return {
          prompt: question.prompt,
          tokens: ids.map((id, i) => ({ id, text: textOf(id), subject: isSubject(i) })),
          layerCount: session.model.config.layerCount,
          followed: followed.map(({ role, id }) => ({ role, id, token: textOf(id) })),
          before: gridView(session, before),
          after: after && gridView(session, after),
          edited: editedLayers(session),
          seconds: (performance.now() - began) / 1000,
        };
      }),
  };
}

/** @throws RequestError where the edit has no prompt yet */
function questionOf(
  session: ModelSession,
  asked: LensPrompt,
): { question: LensQuestion; isSubject: (token: number) => boolean } {
  if (asked.kind === 'free') return { question: { prompt: asked.prompt }, isSubject: () => false };
  const { prompt, subject, targetNew, targetTrue } = requestOf(session, asked.draft);
  const [first, end] = locateSubject(session.tokenizer, prompt, subject).subjectRange;
  const question = { prompt: fillPrompt(prompt, subject), new: targetNew, ...(targetTrue && { old: targetTrue }) };
  return { question, isSubject: (token) => token >= first && token < end };
}

function gridView({ tokenizer }: ModelSession, grid: LensGrid): LensCellView[][] {
  return grid.map((cells) =>
    cells.map(({ top, asked }) => ({
      top: predictions(tokenizer, top),
      followed: asked.map(({ logProbability, rank }) => ({ probability: Math.exp(logProbability), rank })),
    })),
  );
}
