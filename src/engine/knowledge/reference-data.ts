/**
 * The data that ship with the playground, for models that come without their own: relations with wordings and facts (ParaRel), prompts
 * of facts (known_1000), records (CounterFact), and Wikipedia texts. Each file is read when it is first wanted, once.
 */
import { z } from 'zod';
import { DownloadError } from '../errors.ts';
import { readText, type ModelSource } from '../sources/model-source.ts';
import { parseJson } from '../text.ts';
import { FactList } from '../tokens/fact-list.ts';

/** A prompt of known_1000. */
export interface FactPrompt {
  readonly id: number;
  readonly relationId: string;
  /** Holds exactly one {} for the subject. */
  readonly prompt: string;
  readonly subject: string;
  readonly object: string;
}

/** A record of CounterFact's flattened form. */
export interface FactRecord {
  /** case_id. */
  readonly id: number;
  readonly relationId: string | null;
  /** Holds exactly one {} for the subject. */
  readonly prompt: string;
  readonly subject: string;
  readonly targetTrue: string;
  readonly targetNew: string;
  /** The prompt in other words, after unrelated text. */
  readonly paraphrase: string | null;
  /** A beginning to be continued. */
  readonly generation: string | null;
  /** A prompt about another subject that has the true object. */
  readonly neighbour: string;
}

const relationsSchema = z.object({
  prompts: z.number().int(),
  records: z.number().int(),
  relations: z.array(
    z.object({
      id: z.string(),
      label: z.string(),
      templates: z.array(z.string()).min(1),
      /** Subject and object. */
      facts: z.array(z.tuple([z.string(), z.string()])),
    }),
  ),
});

const PROMPT_COLUMNS = ['known_id', 'relation_id', 'prompt', 'subject', 'object'];
const promptSchema = z
  .tuple([z.number(), z.string(), z.string(), z.string(), z.string()])
  .transform(([id, relationId, prompt, subject, object]): FactPrompt => ({ id, relationId, prompt, subject, object }));

const RECORD_COLUMNS = [
  'case_id',
  'relation_id',
  'prompt',
  'subject',
  'target_true',
  'target_new',
  'paraphrase',
  'generation',
  'neighbour',
];
const recordSchema = z
  .tuple([
    z.number(),
    z.string().nullable(),
    z.string(),
    z.string(),
    z.string(),
    z.string(),
    z.string().nullable(),
    z.string().nullable(),
    z.string(),
  ])
  .transform(
    ([id, relationId, prompt, subject, targetTrue, targetNew, paraphrase, generation, neighbour]): FactRecord => ({
      id,
      relationId,
      prompt,
      subject,
      targetTrue,
      targetNew,
      paraphrase,
      generation,
      neighbour,
    }),
  );

/** The relations, and how much there is to be asked. */
export interface ReferenceFacts {
  readonly list: FactList;
  /** Numbers of prompts and of records. */
  readonly prompts: number;
  readonly records: number;
}

export class ReferenceData {
  readonly #source: ModelSource;
  readonly #texts = new Map<string, Promise<string>>();
  #facts: Promise<ReferenceFacts> | null = null;
  #prompts: Promise<readonly FactPrompt[]> | null = null;
  #records: Promise<readonly FactRecord[]> | null = null;

  /** @param source the folder that the files lie in */
  constructor(source: ModelSource) {
    this.#source = source;
  }

  /** Relations with wordings and facts; nobody has asked any model for these. @throws DownloadError */
  facts(): Promise<ReferenceFacts> {
    this.#facts ??= this.#forgetFailure(this.#readFacts(), () => (this.#facts = null));
    return this.#facts;
  }

  /** @throws DownloadError */
  prompts(): Promise<readonly FactPrompt[]> {
    this.#prompts ??= this.#forgetFailure(
      this.#rows('known-facts.jsonl', PROMPT_COLUMNS, promptSchema),
      () => (this.#prompts = null),
    );
    return this.#prompts;
  }

  /** @throws DownloadError */
  records(): Promise<readonly FactRecord[]> {
    this.#records ??= this.#forgetFailure(
      this.#rows('counterfact.jsonl', RECORD_COLUMNS, recordSchema),
      () => (this.#records = null),
    );
    return this.#records;
  }

  /** Wikipedia paragraphs, one document a line, for second moments. @throws DownloadError */
  statisticsText(): Promise<string> {
    return this.#text('statistics.txt');
  }

  /** Wikipedia sentences, one a line, for perplexity. @throws DownloadError */
  heldOutText(): Promise<string> {
    return this.#text('held-out.txt');
  }

  async #readFacts(): Promise<ReferenceFacts> {
    const file = 'facts.json';
    const json = parseJson(await this.#text(file), () => damaged(file));
    const read = relationsSchema.safeParse(json);
    if (!read.success) throw damaged(file);
    const { prompts, records, relations } = read.data;
    const list = new FactList(
      relations.map(({ facts, ...relation }) => ({
        ...relation,
        facts: facts.map(([subject, object]) => ({ subject, object, known: null })),
      })),
    );
    return { list, prompts, records };
  }

  async #rows<T>(file: string, columns: readonly string[], row: z.ZodType<T>): Promise<T[]> {
    const [head, ...lines] = (await this.#text(file)).trimEnd().split('\n');
    if (head !== JSON.stringify(columns)) throw damaged(file);
    return lines.map((line) => {
      const read = row.safeParse(parseJson(line, () => damaged(file)));
      if (!read.success) throw damaged(file);
      return read.data;
    });
  }

  #text(file: string): Promise<string> {
    const known = this.#texts.get(file);
    if (known) return known;
    const text = this.#forgetFailure(readText(this.#source, file), () => this.#texts.delete(file));
    this.#texts.set(file, text);
    return text;
  }

  /** A file that could not be read is read anew when it is wanted again. */
  #forgetFailure<T>(reading: Promise<T>, forget: () => void): Promise<T> {
    reading.catch(forget);
    return reading;
  }
}

function damaged(file: string): DownloadError {
  return new DownloadError(`“${file}” of the data that ship with the playground is damaged.`, {
    next: 'Reload the page, or install the program again.',
  });
}
