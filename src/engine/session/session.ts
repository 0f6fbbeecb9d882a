/**
 * One open model and what belongs to it: tokenizer and facts, the patch stack, statistics, context templates. What is done with it
 * stands beside (editing.ts, asking.ts, damage.ts, benchmark.ts, export.ts); this owns what is on the device.
 */
import type { Family } from '../families/family.ts';
import type { Knowledge } from '../knowledge/knowledge.ts';
import { methodOf } from '../methods/registry.ts';
import type { EditingMethod } from '../methods/method.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { EditedWeights } from '../model/weight-set.ts';
import { applyPatches } from '../patches/apply.ts';
import { assertPatchFits } from '../patches/fit.ts';
import type { MethodSettings, Patch } from '../patches/patch.ts';
import { PatchStack, type StackEntry } from '../patches/patch-stack.ts';
import type { ModelSource } from '../sources/model-source.ts';
import type { Covariances } from '../statistics/covariances.ts';
import { generateContexts } from '../targets/contexts.ts';
import type { TargetStore } from '../targets/kept-targets.ts';
import type { FactList } from '../tokens/fact-list.ts';
import type { ModelTokenizer } from '../tokens/tokenizer.ts';
import { Tracer } from '../tracing/tracer.ts';
import type { ModelIdentity } from '../weights/model-hash.ts';
import type { TensorIndex } from '../weights/tensor-index.ts';
import type { Backend } from './backend.ts';
import type { EditingNotes } from './editing-notes.ts';

/** The text that statistics are computed over where none are there. */
export interface StatisticsText {
  /** Of the model's folder, or of the data that ship. */
  readonly origin: 'model' | 'shipped';
  /** One document a line. */
  readonly text: string;
}

/** What {@link openSession} puts together. */
export interface SessionParts {
  readonly source: ModelSource;
  readonly identity: ModelIdentity;
  readonly model: LanguageModel;
  readonly tokenizer: ModelTokenizer;
  readonly knowledge: Knowledge;
  readonly tensors: TensorIndex;
  readonly backend: Backend;
  readonly notes: EditingNotes;
  readonly covariances: Covariances;
  readonly statisticsText: StatisticsText | null;
  readonly methods: readonly EditingMethod[];
  /** Where targets are kept as they are found; null for nowhere. */
  readonly targetStore: TargetStore | null;
}

export class ModelSession {
  readonly source: ModelSource;
  readonly identity: ModelIdentity;
  readonly model: LanguageModel;
  readonly tokenizer: ModelTokenizer;
  readonly knowledge: Knowledge;
  readonly tensors: TensorIndex;
  readonly backend: Backend;
  readonly notes: EditingNotes;
  readonly covariances: Covariances;
  /** Null where there is none. */
  readonly statisticsText: StatisticsText | null;
  readonly methods: readonly EditingMethod[];
  readonly targetStore: TargetStore | null;
  readonly tracer: Tracer;
  #stack = new PatchStack();
  /** Weights of the enabled patches, and which patches those were. */
  #current: { key: string; weights: EditedWeights } | null = null;
  readonly #contexts = new Map<number, readonly string[]>();

  constructor(parts: SessionParts) {
    this.source = parts.source;
    this.identity = parts.identity;
    this.model = parts.model;
    this.tokenizer = parts.tokenizer;
    this.knowledge = parts.knowledge;
    this.tensors = parts.tensors;
    this.backend = parts.backend;
    this.notes = parts.notes;
    this.covariances = parts.covariances;
    this.statisticsText = parts.statisticsText;
    this.methods = parts.methods;
    this.targetStore = parts.targetStore;
    this.tracer = new Tracer(parts.model, parts.tokenizer, () => parts.knowledge.subjects());
  }

  get name(): string {
    return this.source.name;
  }

  /** Which weights and which config these are. */
  get hash(): string {
    return this.identity.hash;
  }

  get family(): Family {
    return this.model.family;
  }

  get stack(): PatchStack {
    return this.#stack;
  }

  /** Relations with their wordings and facts: the model's own, else those that ship; null where there are none. */
  get facts(): FactList | null {
    return this.knowledge.facts;
  }

  /** A method's preset: the model's own, else the published one for its shape, else a cautious guess (and which of these it is). */
  preset(id: string): { readonly settings: MethodSettings; readonly note: string } {
    const { preset, presetNote, method } = this.notes;
    if (preset && method === id) return { settings: preset, note: presetNote ?? 'Chosen for this model.' };
    return methodOf(id, this.methods).preset(this.model.config);
  }

  /** Puts back a saved stack. @throws PatchError when a patch belongs to another model. */
  async restore(entries: readonly StackEntry[]): Promise<void> {
    for (const { patch } of entries) await this.assertFits(patch);
    this.#stack = new PatchStack(entries);
  }

  /** Puts a patch from elsewhere on the stack. @throws PatchError when it belongs to another model. */
  async add(patch: Patch): Promise<void> {
    await this.assertFits(patch);
    this.#stack.push(patch);
  }

  /** @throws PatchError */
  assertFits(patch: Patch): Promise<void> {
    const tensors = new Map(this.tensors.tensors.map(({ name, shape }) => [name, shape]));
    return assertPatchFits(patch, { identity: this.identity, name: this.name, tensors });
  }

  /** Base + enabled patches; stays the session's, valid until the stack changes. */
  async weights(): Promise<EditedWeights> {
    const enabled = this.#stack.enabled;
    const key = enabled.map(({ id }) => id).join();
    if (this.#current?.key !== key) {
      const weights = await applyPatches(this.model, enabled);
      this.#current?.weights.dispose();
      this.#current = { key, weights };
    }
    return this.#current.weights;
  }

  /** Context templates of a seed: drawn from the unedited model once, then kept. */
  async contexts(seed: number, signal?: AbortSignal): Promise<readonly string[]> {
    const known = this.#contexts.get(seed);
    if (known) return known;
    const drawn = await generateContexts(this.model, this.model.weights, this.tokenizer, seed, signal);
    this.#contexts.set(seed, drawn);
    return drawn;
  }

  /** Never fails. */
  async dispose(): Promise<void> {
    this.#current?.weights.dispose();
    this.#current = null;
    this.covariances.dispose();
    await this.model.dispose();
  }
}
