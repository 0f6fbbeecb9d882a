/**
 * `npx tsx scripts/example-trace.ts`: traces one fact of the demo model and writes the picture that the page shows while a model loads
 * (src/app/trace/example-trace.json). tests/unit/app/example-trace.test.ts tells when it is out of date.
 */
import { writeFile } from 'node:fs/promises';
import { startWasm } from '../src/cli/backend.ts';
import { folderSource } from '../src/cli/folder-source.ts';
import { openSession } from '../src/engine/session/open.ts';
import type { ModelSession } from '../src/engine/session/session.ts';
import { positionsOf } from '../src/engine/tracing/positions.ts';
import { TRACE_DEFAULTS } from '../src/engine/tracing/settings.ts';

const FACT = { prompt: '{} works for', subject: 'Steve Jobs' };

/** Rounded: it is looked at. */
function digits(value: number): number {
  return Number(value.toFixed(4));
}

/** Hidden states restored, with the page's own settings. */
export async function exampleTrace(session: ModelSession) {
  const { tokenizer, tracer, model } = session;
  const settings = { ...TRACE_DEFAULTS, kinds: ['hidden' as const], severed: false, window: 1 };
  const trace = await tracer.trace(FACT, settings, model.weights, {});
  const { ids, subject } = tracer.locate(FACT);
  const positions = positionsOf(ids.length, subject);
  return {
    prompt: FACT.prompt.replace('{}', FACT.subject),
    answer: { token: tokenizer.tokenText(trace.answer), probability: digits(trace.high) },
    corrupted: digits(trace.low),
    tokens: ids.map((id, i) => ({
      text: tokenizer.tokenText(id),
      subject: i >= subject[0] && i < subject[1],
      position: positions[i],
    })),
    scores: trace.scores[0].map((row) => row.map(digits)),
    says: trace.says[0].map((row) => row.map((id) => tokenizer.tokenText(id))),
  };
}

if (process.argv[1]?.endsWith('example-trace.ts')) {
  const session = await openSession(folderSource('public/models/demo'), await startWasm(1));
  const example = await exampleTrace(session);
  await writeFile('src/app/trace/example-trace.json', `${JSON.stringify(example)}\n`);
  await session.dispose();
  process.exit(0);
}
