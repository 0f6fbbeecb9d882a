/** The estimate of a text's length beside its whole count, by a real tokenizer. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { lengthOfText } from '../../../src/engine/statistics/text-length.ts';
import { documentsOf } from '../../../src/engine/statistics/text-statistics.ts';
import { demoTokenizer } from '../tokens/demo.ts';

const CONTEXT = 128;

it('is near the whole count, and exact for a short text', () => {
  const text = readFileSync('public/data/statistics.txt', 'utf8').split('\n').slice(0, 300).join('\n');
  const count = (whole: string): number =>
    documentsOf(whole, demoTokenizer).reduce((sum, ids) => sum + Math.min(ids.length, CONTEXT), 0);
  const { documents, tokens } = lengthOfText(`\n${text}\n\n`, demoTokenizer, CONTEXT);
  expect(documents).toBe(300);
  expect(Math.abs(tokens / count(text) - 1)).toBeLessThan(0.15);
  const short = 'One document.\nAnother, and longer than it.\n';
  expect(lengthOfText(short, demoTokenizer, CONTEXT)).toEqual({ documents: 2, tokens: count(short) });
  expect(lengthOfText('\n\n', demoTokenizer, CONTEXT)).toEqual({ documents: 0, tokens: 0 });
});
