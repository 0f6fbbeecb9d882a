/**
 * MEMIT on SmolLM2-135M-Instruct against PyTorch, where MEMIT_REAL_MODEL names its folder. The statistics of 100,000 tokens take
 * minutes; they are kept below .cache.
 */
import { readFileSync } from 'node:fs';
import { describe } from 'vitest';
import { startWasm } from '../../../src/cli/backend.ts';
import { folderSource } from '../../../src/cli/folder-source.ts';
import { FolderStatistics } from '../../../src/cli/folder-statistics.ts';
import { openSession } from '../../../src/engine/session/open.ts';
import { golden, REAL_MODEL, withFile } from '../support.ts';
import { testParity, type MemitGolden } from '../methods/memit/parity.ts';

/** The oracle's statistics are over exactly 100,000 tokens: so many paragraphs of the text, of the last its beginning. */
const DOCUMENTS = 632;
const LAST_DOCUMENT_ENDS = 'mavirus, which causes cervical';

describe.skipIf(REAL_MODEL === undefined)('SmolLM2-135M', () => {
  const oracle = golden<MemitGolden>('smollm2-memit');

  testParity('SmolLM2', oracle, 'tests/reference/data/smollm2-requests.json', async () => {
    const documents = readFileSync('public/data/statistics.txt', 'utf8').split('\n').slice(0, DOCUMENTS);
    const last = documents.pop()!;
    documents.push(last.slice(0, last.indexOf(LAST_DOCUMENT_ENDS) + LAST_DOCUMENT_ENDS.length));
    const source = withFile(folderSource(REAL_MODEL!), 'statistics.txt', documents.join('\n'));
    return openSession(source, await startWasm(2), { statisticsStore: new FolderStatistics('.cache/real-model') });
  });
});
