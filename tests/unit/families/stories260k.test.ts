/** A trained Llama with grouped queries and its SentencePiece vocabulary against transformers: tokens, logits, what it goes on to say. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { continueRows } from '../../../src/engine/model/decoding.ts';
import { argmax } from '../../../src/engine/model/sampling.ts';
import { promptIds } from '../../../src/engine/session/asking.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';
import { expectBelow } from '../compare.ts';
import { golden, openModel } from '../support.ts';
import { worstLogit, type LogitSequence } from './logits.ts';

const { logitStride: stride, sequences } = golden<{
  logitStride: number;
  sequences: (LogitSequence & { prompt: string; continuation: number[]; text: string })[];
}>('stories260k');

let session: ModelSession;

beforeAll(async () => {
  session = await openModel('tests/reference/models/stories260k');
});

afterAll(() => session.dispose());

it('has fewer heads of keys and values than of queries', () => {
  const { headCount, keyValueHeadCount } = session.model.config;
  expect([headCount, keyValueHeadCount]).toEqual([8, 4]);
});

it.each(sequences)('tokenises “$prompt” alike', ({ prompt, ids, continuation, text }) => {
  expect(promptIds(session, prompt)).toEqual(ids);
  // Decoded alone, a continuation loses the space it begins with.
  expect(session.tokenizer.decode(continuation).trim()).toBe(text.trim());
});

it('gives the same logits at every position', async () => {
  const worst = await worstLogit(session, { stride, sequences });
  expectBelow('stories260K: logits at every position, against their spread', worst, 1e-4);
});

it('tells the same stories', async () => {
  const { model } = session;
  const added = await continueRows(
    model,
    model.weights,
    sequences.map(({ ids }) => ids),
    sequences.map(({ continuation }) => continuation.length),
    argmax,
  );
  expect(added).toEqual(sequences.map(({ continuation }) => continuation));
});
