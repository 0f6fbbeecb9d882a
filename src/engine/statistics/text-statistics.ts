/** Second moments computed over a text: minutes of work, so the last place that is asked. */
import type { LanguageModel } from '../model/language-model.ts';
import type { ModelTokenizer } from '../tokens/tokenizer.ts';
import { computeSecondMoments, type SecondMoment, type SecondMomentOptions } from './second-moment.ts';
import type { StatisticsSource } from './statistics-source.ts';

export class TextStatistics implements StatisticsSource {
  readonly #model: LanguageModel;
  readonly #tokenizer: ModelTokenizer;
  readonly #text: string;

  /** @param text one document a line */
  constructor(model: LanguageModel, tokenizer: ModelTokenizer, text: string) {
    this.#model = model;
    this.#tokenizer = tokenizer;
    this.#text = text;
  }

  find(layers: readonly number[], options: SecondMomentOptions): Promise<Map<number, SecondMoment>> {
    return computeSecondMoments(this.#model, eachDocument(this.#text, this.#tokenizer), layers, options);
  }
}

/** Token ids of every document of a text, one a line, begun as the tokenizer begins a text (reference: rome/layer_stats.py). */
export function documentsOf(text: string, tokenizer: ModelTokenizer): number[][] {
  return [...eachDocument(text, tokenizer)];
}

/** The same one after the other, as they are asked for: a long text takes seconds, and its beginning is often enough. */
export function* eachDocument(text: string, tokenizer: ModelTokenizer): Generator<number[], undefined> {
  // A file from Windows is the same text.
  for (const line of text.split(/\r?\n/)) yield line === '' ? [] : tokenizer.encode(line, { special: true });
}
