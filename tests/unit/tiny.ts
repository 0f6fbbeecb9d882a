/** The tiny model with a text for its statistics beside it, which its folder lacks. */
import { readFileSync } from 'node:fs';
import { startWasm } from '../../src/cli/backend.ts';
import { folderSource } from '../../src/cli/folder-source.ts';
import type { Backend } from '../../src/engine/session/backend.ts';
import { openSession, type OpenOptions } from '../../src/engine/session/open.ts';
import type { ModelSession } from '../../src/engine/session/session.ts';
import { TINY_MODEL, withFile } from './support.ts';

/** Documents of different lengths, an empty one among them; more tokens than the MLP is wide. */
export const TINY_TEXT = readFileSync('tests/reference/data/tiny-statistics.txt', 'utf8');

/** @param backend WASM on one thread when absent */
export async function openTiny(
  text: string | null = TINY_TEXT,
  options: OpenOptions = {},
  backend?: Backend,
): Promise<ModelSession> {
  const source = withFile(folderSource(TINY_MODEL), 'statistics.txt', text);
  return openSession(source, backend ?? (await startWasm(1)), options);
}
