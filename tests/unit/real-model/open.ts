/** SmolLM2-135M-Instruct with the statistics that PyTorch's runs were made with. They take minutes and are kept below .cache. */
import { readFileSync } from 'node:fs';
import { startWasm } from '../../../src/cli/backend.ts';
import { folderSource } from '../../../src/cli/folder-source.ts';
import { FolderStatistics } from '../../../src/cli/folder-statistics.ts';
import { openSession } from '../../../src/engine/session/open.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';
import { REAL_MODEL, withFile } from '../support.ts';

/** The statistics are over exactly 100,000 tokens: so many paragraphs of the text, of the last its beginning. */
const DOCUMENTS = 632;
const LAST_DOCUMENT_ENDS = 'mavirus, which causes cervical';
export const STATISTICS_TOKENS = 100_000;

/** The model in the folder that MEMIT_REAL_MODEL names. */
export async function openRealModel(): Promise<ModelSession> {
  const documents = readFileSync('public/data/statistics.txt', 'utf8').split('\n').slice(0, DOCUMENTS);
  const last = documents.pop()!;
  documents.push(last.slice(0, last.indexOf(LAST_DOCUMENT_ENDS) + LAST_DOCUMENT_ENDS.length));
  const source = withFile(folderSource(REAL_MODEL!), 'statistics.txt', documents.join('\n'));
  return openSession(source, await startWasm(2), { statisticsStore: new FolderStatistics('.cache/real-model') });
}
