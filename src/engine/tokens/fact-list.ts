/** Relations with their wordings and facts: what a model is known to know (facts.json), or what any model can be asked. */
import { z } from 'zod';
import { ModelError } from '../errors.ts';
import { parseJson } from '../text.ts';
import type { KnownFact } from './known-fact.ts';
import { PLACEHOLDER, placeholderCount } from './template.ts';

const templateSchema = z
  .string()
  .refine((template) => placeholderCount(template) === 1, `a template must hold exactly one ${PLACEHOLDER}`);

const factSchema = z.object({
  subject: z.string().min(1),
  object: z.string().min(1),
  known: z.boolean(),
});

const relationSchema = z.object({
  id: z.string().min(1),
  label: z.string().min(1),
  templates: z.array(templateSchema).min(1),
  facts: z.array(factSchema),
});

const fileSchema = z.object({ relations: z.array(relationSchema) });

export interface Fact {
  readonly subject: string;
  readonly object: string;
  /** The model's most probable next token for the canonical wording is the object's; null where it was not asked. */
  readonly known: boolean | null;
}

export interface Relation {
  readonly id: string;
  readonly label: string;
  /** Wordings of the relation, the canonical one first. */
  readonly templates: readonly string[];
  readonly facts: readonly Fact[];
}

/** A pasted line, read: a relation of the list with its canonical wording, or a prompt of the user's own. */
export interface TripleDraft {
  readonly subject: string;
  readonly relationId: string | null;
  readonly prompt: string;
  readonly object: string;
}

export interface LineFault {
  /** Counted from 1. */
  readonly line: number;
  readonly message: string;
}

export class FactList {
  readonly relations: readonly Relation[];
  /** By id and by label, in lower case. */
  readonly #relations: ReadonlyMap<string, Relation>;
  /** By relation id, then by subject in lower case. */
  readonly #facts: ReadonlyMap<string, ReadonlyMap<string, Fact>>;
  /** By relation id. */
  readonly #byObject = new Map<string, Map<string, Fact[]>>();

  /** @param relations none for a model whose facts are not known */
  constructor(relations: readonly Relation[] = []) {
    this.relations = relations;
    this.#relations = new Map([
      ...relations.map((relation) => [folded(relation.label), relation] as const),
      ...relations.map((relation) => [folded(relation.id), relation] as const),
    ]);
    this.#facts = new Map(
      relations.map(({ id, facts }) => [id, new Map(facts.map((fact) => [folded(fact.subject), fact]))]),
    );
  }

  /**
   * @param json text of facts.json
   * @throws ModelError saying where the file is at fault
   */
  static parse(json: string): FactList {
    const file = parseJson(
      json,
      (reason, cause) => new ModelError(`facts.json is not valid JSON: ${reason}`, { cause }),
    );
    const parsed = fileSchema.safeParse(file);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new ModelError(`facts.json, ${issue.path.join('.') || 'the file'}: ${issue.message}.`);
    }
    const { relations } = parsed.data;
    const ids = new Set<string>();
    for (const { id } of relations) {
      if (ids.has(folded(id))) throw new ModelError(`facts.json has two relations called “${folded(id)}”.`);
      ids.add(folded(id));
    }
    return new FactList(relations);
  }

  /** The relation of that id or label, in any case of letters. */
  relation(idOrLabel: string): Relation | undefined {
    return this.#relations.get(folded(idOrLabel));
  }

  /** The fact the list holds for a subject, in any case of letters. */
  find(subject: string, relationId: string): Fact | undefined {
    const relation = this.relation(relationId);
    return relation && this.#facts.get(relation.id)?.get(folded(subject));
  }

  /** The facts that the model is known to know, in their canonical wordings. */
  known(): KnownFact[] {
    return this.relations.flatMap(({ id, label, templates: [prompt], facts }) =>
      facts
        .filter(({ known }) => known === true)
        .map(({ subject, object }) => ({ prompt, subject, object, relationId: id, relation: label })),
    );
  }

  /**
   * Other subjects of the relation that have `object`: what an edit of `excludeSubject` should leave alone. Not those that the model is
   * known not to know.
   * The same `seed` draws the same ones, in the same order.
   */
  neighbours(relationId: string, object: string, excludeSubject: string, count: number, seed = 0): Fact[] {
    const { id } = this.relation(relationId) ?? { id: '' };
    const same = (this.#factsByObject(id).get(folded(object)) ?? []).filter(
      (fact) => folded(fact.subject) !== folded(excludeSubject),
    );
    // A hash of the subject as the order: a draw that does not change when other facts are added to the list.
    const ranked = same.map((fact) => ({ fact, rank: hash(`${seed}\n${fact.subject}`) }));
    ranked.sort((a, b) => a.rank - b.rank || (a.fact.subject < b.fact.subject ? -1 : 1));
    return ranked.slice(0, count).map(({ fact }) => fact);
  }

  /** A relation's facts by object in lower case, but those that the model is known not to know; grouped at first use. */
  #factsByObject(relationId: string): ReadonlyMap<string, readonly Fact[]> {
    let grouped = this.#byObject.get(relationId);
    if (grouped) return grouped;
    grouped = new Map<string, Fact[]>();
    for (const fact of this.#facts.get(relationId)?.values() ?? []) {
      if (fact.known === false) continue;
      const object = folded(fact.object);
      const facts = grouped.get(object);
      if (facts) facts.push(fact);
      else grouped.set(object, [fact]);
    }
    this.#byObject.set(relationId, grouped);
    return grouped;
  }

  /** The relation's other wordings. */
  paraphrases(relationId: string, exceptTemplate: string): string[] {
    return this.relation(relationId)?.templates.filter((template) => template !== exceptTemplate) ?? [];
  }

  /**
   * Reads pasted lines "subject | relation | object". Fields are parted by tabs, else by |, else by commas; a field with
   * a separator in it goes in double quotes. The relation is an id, a label or a wording with {}. Empty lines, and a first line of
   * column names, are skipped.
   */
  parseTriples(text: string): { drafts: TripleDraft[]; faults: LineFault[] } {
    const drafts: TripleDraft[] = [];
    const faults: LineFault[] = [];
    text.split(/\r\n|\n|\r/).forEach((line, i) => {
      if (line.trim() === '') return;
      const fields = splitFields(line);
      if (i === 0 && fields.map(folded).join() === 'subject,relation,object') return;
      const read = this.#readTriple(fields);
      if (typeof read === 'string') faults.push({ line: i + 1, message: read });
      else drafts.push(read);
    });
    return { drafts, faults };
  }

  /** The draft, or what is wrong with the line. */
  #readTriple(fields: readonly string[]): TripleDraft | string {
    if (fields.length !== 3) {
      return `Expected “subject | relation | object” but found ${fields.length} ${fields.length === 1 ? 'part' : 'parts'}.`;
    }
    const [subject, relationText, object] = fields;
    const empty = ['subject', 'relation', 'object'].filter((_, i) => fields[i] === '');
    if (empty.length > 0) return `The ${empty.join(' and the ')} ${empty.length === 1 ? 'is' : 'are'} empty.`;
    const named = this.relation(relationText);
    if (named) return { subject, relationId: named.id, prompt: named.templates[0], object };
    const places = placeholderCount(relationText);
    if (places > 1) return `The prompt has ${places} ${PLACEHOLDER}; exactly one is wanted, for the subject.`;
    if (places === 1) {
      const worded = this.relations.find(({ templates }) => templates.includes(relationText));
      return { subject, relationId: worded?.id ?? null, prompt: relationText, object };
    }
    return `No relation is called “${relationText}”; name one of the list or write a prompt with ${PLACEHOLDER}.`;
  }
}

/** Splits a line at the first kind of separator it has outside quotes, and takes the quotes off. */
function splitFields(line: string): string[] {
  const outside = line.replace(/"(?:[^"]|"")*"/g, '');
  const separator = ['\t', '|', ','].find((candidate) => outside.includes(candidate)) ?? ',';
  // A field is quoted as a whole ("" stands for a quote in it) or runs up to the next separator.
  const field = new RegExp(`[${separator}](?: *"((?:[^"]|"")*)" *(?=[${separator}]|$)|([^${separator}]*))`, 'g');
  const fields = (separator + line).matchAll(field) as Iterable<[string, string | undefined, string | undefined]>;
  return [...fields].map(([, quoted, plain]) => (quoted?.replaceAll('""', '"') ?? plain ?? '').trim());
}

function folded(text: string): string {
  return text.trim().toLowerCase();
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
}
