/** The demo model's tokenizer and facts, read once for the tests. */
import { readFileSync } from 'node:fs';
import { FactBook } from '../../../src/engine/tokens/facts.ts';
import { ModelTokenizer } from '../../../src/engine/tokens/tokenizer.ts';

const root = new URL('../../../', import.meta.url);

export function readText(path: string): string {
  return readFileSync(new URL(path, root), 'utf8');
}

export const demoTokenizer = ModelTokenizer.create(
  readText('public/models/demo/tokenizer.json'),
  readText('public/models/demo/tokenizer_config.json'),
);

export const demoFacts = FactBook.parse(readText('public/models/demo/facts.json'));
