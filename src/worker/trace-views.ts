/** What the page is shown of a causal trace. */
import { largest } from '../engine/model/sampling.ts';
import { answerText, fillPrompt, type EditRequest } from '../engine/tokens/request.ts';
import { positionsOf } from '../engine/tracing/positions.ts';
import type { Prompt } from '../engine/tracing/run-states.ts';
import { proposeBand, type LayerBand } from '../engine/tracing/band.ts';
import type { PromptTrace, TraceBaseline, TracedToken } from '../engine/tracing/trace.ts';
import type { ModelSession } from '../engine/session/session.ts';
import type { TraceEvent, TraceView } from './trace-api.ts';

const TOP_COUNT = 5;

/** The view before anything is restored: every cell is still to come. */
export function emptyTraceView(
  { tokenizer, model }: ModelSession,
  request: Pick<EditRequest, 'prompt' | 'subject' | 'targetTrue'>,
  { ids, subject }: Prompt,
  baseline: TraceBaseline,
): TraceView {
  const positions = positionsOf(ids.length, subject);
  const prediction = (id: number): TraceView['answer'] => ({
    id,
    token: tokenizer.tokenText(id),
    probability: baseline.clean[id],
  });
  const knownObject = request.targetTrue ?? null;
  const prompt = fillPrompt(request.prompt, request.subject);
  const expected = knownObject === null ? undefined : tokenizer.encodeAfter(prompt, answerText(knownObject))[0];
  const unknown = expected !== undefined && expected !== baseline.answer;
  const empty = (): null[][] => ids.map(() => new Array<null>(model.config.layerCount).fill(null));
  return {
    prompt,
    subject: request.subject,
    tokens: ids.map((id, i) => ({
      id,
      text: tokenizer.tokenText(id),
      subject: i >= subject[0] && i < subject[1],
      position: positions[i],
    })),
    answer: prediction(baseline.answer),
    corrupted: baseline.low,
    top: largest(baseline.clean, TOP_COUNT).map(prediction),
    knownObject,
    note: unknown
      ? `The model does not say “${knownObject}” here: the trace shows where its own answer comes from.`
      : null,
    noise: baseline.noise,
    grids: baseline.grids.map((spec) => ({ ...spec, scores: empty(), says: empty() })),
    band: null,
    cost: { computed: 0, plain: 0 },
    seconds: 0,
  };
}

export function tokenEvent({ tokenizer }: ModelSession, { grid, token, scores, says }: TracedToken): TraceEvent {
  return { kind: 'token', grid, token, scores: [...scores], says: says.map((id) => tokenizer.tokenText(id)) };
}

/** The view with every cell and the layers it speaks for. */
export function finishedTraceView(
  { tokenizer }: ModelSession,
  view: TraceView,
  trace: PromptTrace,
  seconds: number,
): TraceView {
  return {
    ...view,
    grids: view.grids.map((grid, i) => ({
      ...grid,
      scores: trace.scores[i].map((row) => [...row]),
      says: trace.says[i].map((row) => row.map((id) => tokenizer.tokenText(id))),
    })),
    band: bandOf(view, trace),
    cost: trace.cost,
    seconds,
  };
}

/** The layers one prompt speaks for; null unless severing was traced. */
function bandOf({ tokens }: TraceView, { grids, scores, low }: PromptTrace): LayerBand | null {
  const last = tokens.findIndex(({ position }) => position === 'last subject');
  const effect = (severed: string): number[] | undefined => {
    const grid = grids.findIndex((spec) => spec.kind === 'hidden' && spec.severed === severed);
    return scores.at(grid === -1 ? scores.length : grid)?.[last].map((score) => score - low);
  };
  const [intact, severed] = [effect('none'), effect('mlp')];
  return intact && severed ? proposeBand(intact, severed) : null;
}
