/** The tiny model with a text for its statistics beside it, which its folder lacks. */
import { readFileSync } from 'node:fs';
import { startWasm } from '../../src/cli/backend.ts';
import { folderFiles } from '../../src/cli/folder-source.ts';
import { Workbench, type Backend, type OpenOptions } from '../../src/engine/session/workbench.ts';
import { TINY_MODEL } from './support.ts';

/** Documents of different lengths, an empty one among them; more tokens than the MLP is wide. */
export const TINY_TEXT = readFileSync('tests/reference/data/tiny-statistics.txt', 'utf8');

/** @param backend WASM on one thread when absent */
export async function openTiny(
  text: string | null = TINY_TEXT,
  options: OpenOptions = {},
  backend?: Backend,
): Promise<Workbench> {
  const folder = folderFiles(TINY_MODEL);
  const files = {
    ...folder,
    optionalText: (path: string, signal?: AbortSignal): Promise<string | null> =>
      path === 'statistics.txt' ? Promise.resolve(text) : folder.optionalText(path, signal),
  };
  return Workbench.open(files, backend ?? (await startWasm(1)), options);
}
