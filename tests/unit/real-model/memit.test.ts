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

/** Paragraphs of the text behind the oracle's statistics. */
const DOCUMENTS = 632;

describe.skipIf(REAL_MODEL === undefined)('SmolLM2-135M', () => {
  const oracle = golden<MemitGolden>('smollm2-memit');

  testParity('SmolLM2', oracle, 'tests/reference/data/smollm2-requests.json', async () => {
    const text = readFileSync('public/data/statistics.txt', 'utf8').split('\n').slice(0, DOCUMENTS).join('\n');
    const source = withFile(folderSource(REAL_MODEL!), 'statistics.txt', text);
    return openSession(source, await startWasm(2), { statisticsStore: new FolderStatistics('.cache/real-model') });
  });
});
