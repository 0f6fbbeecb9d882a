/**
 * Texts about objects that what a model writes is compared with: the reference's attribute_snippets.json, or a plain list of objects
 * and texts. Words are weighted by TF-IDF as scikit-learn's vectoriser does it, over all texts of the file.
 */
import { z } from 'zod';
import { EngineError } from '../errors.ts';
import { rowsOf } from './rows.ts';
import type { EvaluationRecord } from './records.ts';
import { plainWords } from './words.ts';

type Vector = ReadonlyMap<string, number>;

const text = z.string().trim().min(1);
const texts = z.union([z.array(text).min(1), text.transform((one) => [one])]);
const sample = z.object({ text });

/** { relation_id, target_id, samples: [{ name, text }] } */
const snippetsSchema = z.object({ relation_id: text, target_id: text, samples: z.array(sample).min(1) });
/** An object by name, or by its id. */
const plainSchema = z
  .object({ object: text, text: texts })
  .or(z.object({ object: text, texts }).transform(({ object, texts: list }) => ({ object, text: list })));

export class ReferenceTexts {
  /** How many texts there are, and of how many objects. */
  readonly count: number;
  readonly objects: number;
  readonly #texts: ReadonlyMap<string, readonly string[]>;
  readonly #weights: ReadonlyMap<string, number>;
  readonly #vectors = new Map<string, Vector>();

  private constructor(byObject: ReadonlyMap<string, readonly string[]>) {
    const all = [...byObject.values()].flat();
    this.#texts = byObject;
    this.count = all.length;
    this.objects = byObject.size;
    const frequencies = new Map<string, number>();
    for (const words of all.map((each) => new Set(plainWords(each)))) {
      for (const word of words) frequencies.set(word, (frequencies.get(word) ?? 0) + 1);
    }
    // As if one more text held every word: no word weighs nothing, and none is divided by zero.
    this.#weights = new Map(
      [...frequencies].map(([word, count]) => [word, Math.log((1 + all.length) / (1 + count)) + 1]),
    );
  }

  /**
   * Reads a file's text: attribute_snippets.json, or JSON, JSON lines, CSV or TSV with `object` and `text` (or a list, `texts`).
   * @throws EngineError ('input') naming the entry at fault
   */
  static parse(content: string): ReferenceTexts {
    const byObject = new Map<string, string[]>();
    const add = (key: string, more: readonly string[]): void => {
      const texts = byObject.get(key);
      if (texts) for (const text of more) texts.push(text);
      else byObject.set(key, [...more]);
    };
    rowsOf(content).forEach((row, i) => {
      if ('fault' in row) throw new EngineError('input', `Reference text ${i + 1}: ${row.fault}.`);
      const snippets = snippetsSchema.safeParse(row.value);
      const plain = plainSchema.safeParse(row.value);
      if (snippets.success) {
        const { relation_id: relation, target_id: target, samples } = snippets.data;
        add(
          keyOf(relation, target),
          samples.map((each) => each.text),
        );
      } else if (plain.success) add(keyOf('', plain.data.object), plain.data.text);
      else {
        throw new EngineError(
          'input',
          `Reference text ${i + 1} has neither object and text nor relation_id, target_id and samples.`,
        );
      }
    });
    if (byObject.size === 0) throw new EngineError('input', 'There are no reference texts in it.');
    return new ReferenceTexts(byObject);
  }

  /** Cosine of the TF-IDF vectors of `written` and of the texts about the new object; null where there are none. */
  similarity(rewrite: EvaluationRecord['requested_rewrite'], written: string): number | null {
    const key = this.#keyFor(rewrite);
    if (key === null) return null;
    const known = this.#vectors.get(key) ?? this.#vectorOf((this.#texts.get(key) ?? []).join(' '));
    this.#vectors.set(key, known);
    const vector = this.#vectorOf(written);
    let dot = 0;
    for (const [word, weight] of vector) dot += weight * (known.get(word) ?? 0);
    const norms = normOf(vector) * normOf(known);
    return norms === 0 ? 0 : dot / norms;
  }

  /** By relation and id of the object, as the reference does, else by the object's name. */
  #keyFor({ relation_id: relation, target_new: target }: EvaluationRecord['requested_rewrite']): string | null {
    const keys = [
      ...(typeof target.id === 'string' && relation !== undefined ? [keyOf(relation, target.id)] : []),
      ...(relation === undefined ? [] : [keyOf(relation, target.str)]),
      keyOf('', target.str),
    ];
    return keys.find((key) => this.#texts.has(key)) ?? null;
  }

  #vectorOf(written: string): Vector {
    const vector = new Map<string, number>();
    for (const word of plainWords(written)) {
      const weight = this.#weights.get(word);
      if (weight !== undefined) vector.set(word, (vector.get(word) ?? 0) + weight);
    }
    return vector;
  }
}

function keyOf(relation: string, object: string): string {
  return `${relation}\n${object.trim().toLowerCase()}`;
}

function normOf(vector: Vector): number {
  return Math.sqrt([...vector.values()].reduce((sum, weight) => sum + weight ** 2, 0));
}
