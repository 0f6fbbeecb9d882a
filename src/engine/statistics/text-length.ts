/** How many tokens a text is for a model, without reading all of it: that takes seconds, and only a note hangs on it. */
import type { ModelTokenizer } from '../tokens/tokenizer.ts';
import { documentsOf } from './text-statistics.ts';

export interface TextLength {
  readonly documents: number;
  /** Estimated. */
  readonly tokens: number;
}

/** Documents that are read, evenly spread over the text. */
const SAMPLES = 32;

/**
 * @param text one document a line
 * @param contextLength tokens that the model reads of a document at most
 */
export function lengthOfText(text: string, tokenizer: ModelTokenizer, contextLength: number): TextLength {
  const documents = text.split('\n').filter((line) => line.trim() !== '');
  const step = Math.max(1, documents.length / SAMPLES);
  const sample: string[] = [];
  for (let at = 0; at < documents.length; at += step) sample.push(documents[Math.floor(at)]);
  const tokens = documentsOf(sample.join('\n'), tokenizer).reduce(
    (sum, ids) => sum + Math.min(ids.length, contextLength),
    0,
  );
  const characters = (lines: readonly string[]): number => lines.reduce((sum, line) => sum + line.length, 0);
  const share = sample.length === 0 ? 1 : characters(sample) / characters(documents);
  return { documents: documents.length, tokens: Math.round(tokens / share) };
}
