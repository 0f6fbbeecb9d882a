/**
 * Targets that were found are kept as they are found: searching them is what a run takes its time for. A run that failed, was cancelled, or went with its tab
 * is gone on from, and one with another λ or other layers below Lz searches nothing again.
 */
import { EngineError } from '../errors.ts';
import { messageOf } from '../text.ts';
import { targetText, type EditRequest } from '../tokens/request.ts';
import { sha256Text } from '../weights/model-hash.ts';
import { decodeTargets, encodeTarget, targetFileHeader } from './target-file.ts';
import type { EditTarget, TargetSettings } from './target.ts';

/** Files of targets by name: the browser's own files, or a folder in Node. All methods may fail as files do. */
export interface TargetStore {
  /** Null where there is none. */
  read(name: string): Promise<Uint8Array | null>;
  /** In place of what is there. The oldest of the others go where there are too many (see {@link tooMany}). */
  write(name: string, bytes: Uint8Array): Promise<void>;
  append(name: string, bytes: Uint8Array): Promise<void>;
}

/** What, beside a request, a target depends on. */
export interface TargetBasis {
  readonly modelHash: string;
  /** Ids of the patches that the edit is made on, in their order: a patch never changes. */
  readonly patches: readonly string[];
  readonly contexts: readonly string[];
  /** Which search it is, when there are several with settings of these names. */
  readonly search: string;
  readonly settings: TargetSettings;
  /** D */
  readonly width: number;
}

export class KeptTargets {
  readonly #store: TargetStore;
  readonly #file: string;
  /** Found before this run, by their requests' names. */
  readonly #targets: Map<string, EditTarget>;
  #failure: EngineError | null = null;
  #found = 0;
  #kept = 0;

  private constructor(store: TargetStore, file: string, targets: Map<string, EditTarget>) {
    this.#store = store;
    this.#file = file;
    this.#targets = targets;
  }

  /** @param fresh forgets what is there. Never fails: without storage nothing is kept, and {@link failure} says so. */
  static async open(store: TargetStore, basis: TargetBasis, fresh: boolean): Promise<KeptTargets> {
    const { modelHash, patches, contexts, search, settings, width } = basis;
    const { layer, steps, learningRate, weightDecay, clampNormFactor, klFactor } = settings;
    const values = [layer, steps, learningRate, weightDecay, clampNormFactor, klFactor];
    const file = await sha256Text(JSON.stringify([modelHash, patches, contexts, search, values]));
    const kept = new KeptTargets(store, file, new Map());
    await kept.#try(async () => {
      const bytes = (fresh ? null : await store.read(file)) ?? new Uint8Array();
      const { records, soundBytes } = await decodeTargets(bytes, width);
      // What follows a torn end could not be read.
      if (soundBytes === 0) await store.write(file, targetFileHeader(width));
      else if (soundBytes < bytes.length) await store.write(file, bytes.subarray(0, soundBytes));
      for (const { name, target } of records) kept.#targets.set(name, target);
    });
    return kept;
  }

  /** What kept targets from being read or kept; those after it are not kept. */
  get failure(): EngineError | null {
    return this.#failure;
  }

  /** How many of the targets that were asked for an earlier run had found. */
  get found(): number {
    return this.#found;
  }

  /** How many of this run's targets a later one would find. */
  get count(): number {
    return this.#found + this.#kept;
  }

  /** The target of a request, its losses being of `edit`; null where it was not found yet. */
  async find(request: EditRequest, edit: number): Promise<EditTarget | null> {
    const target = this.#targets.get(await nameOf(request));
    if (!target) return null;
    this.#found += 1;
    return { ...target, losses: target.losses.map((loss) => ({ ...loss, edit })) };
  }

  /** Never fails. */
  async keep(request: EditRequest, target: EditTarget): Promise<void> {
    if (this.#failure) return;
    await this.#try(async () => {
      const name = await nameOf(request);
      await this.#store.append(this.#file, await encodeTarget({ name, target }));
      this.#kept += 1;
    });
  }

  async #try(body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (cause) {
      this.#failure = new EngineError('storage', `Targets cannot be kept: ${messageOf(cause)}`, {
        cause,
        next: 'Free some disk space, so that a run that is cut off can be gone on from.',
      });
    }
  }
}

/** What names a request among those of a file. */
function nameOf(request: EditRequest): Promise<string> {
  return sha256Text(JSON.stringify([request.prompt, request.subject, targetText(request)]));
}

/** Bytes that a store of targets may take. */
const MOST_BYTES = 512 * 1024 * 1024;

/** Of the files of a store those that go, the last written last, so that the others fit. */
export function tooMany<T extends { readonly bytes: number; readonly writtenAt: number }>(files: readonly T[]): T[] {
  let left = MOST_BYTES;
  return [...files]
    .sort((a, b) => b.writtenAt - a.writtenAt)
    .filter(({ bytes }) => {
      left -= bytes;
      return left < 0;
    });
}
