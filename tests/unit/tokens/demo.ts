/** The demo model's tokenizer and facts, read once for the tests. */
import { readFileSync } from 'node:fs';
import { FactList } from '../../../src/engine/tokens/fact-list.ts';
import { ModelTokenizer } from '../../../src/engine/tokens/tokenizer.ts';

const root = new URL('../../../', import.meta.url);

export function readText(path: string): string {
  return readFileSync(new URL(path, root), 'utf8');
}

export const demoTokenizer = ModelTokenizer.create(
  readText('public/models/demo/tokenizer.json'),
  readText('public/models/demo/tokenizer_config.json'),
);

export const demoFacts = FactList.parse(readText('public/models/demo/facts.json'));
