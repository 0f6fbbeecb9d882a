/** What outlives the page: patch stacks, average traces and known facts per model, computed statistics, and tunings per GPU, in IndexedDB. */
import type { TileTable } from '../engine/linalg/webgpu/tiles.ts';
import { tileTableSchema, type TuningStore } from '../engine/linalg/webgpu/tuning.ts';
import type { AnswerStore, KeptAnswers } from '../engine/knowledge/answers.ts';
import type { StackEntry } from '../engine/patches/patch-stack.ts';
import type { StatisticsStore } from '../engine/statistics/stored-statistics.ts';
import { BrowserDatabase } from './database.ts';
import { HistoryStorage, type HistoryOwner, type LoadedHistory } from './history-storage.ts';
import { averageTraceSchema } from './stored-trace.ts';
import type { AverageTraceView } from './trace-api.ts';

/** On which tabs tell each other of which model they changed the history. */
const CHANNEL = 'memit-history';

export class BrowserStorage implements StatisticsStore, AnswerStore, TuningStore {
  readonly #database = new BrowserDatabase();
  readonly #channel = new BroadcastChannel(CHANNEL);
  readonly #history = new HistoryStorage(this.#database, (modelHash) => this.#channel.postMessage(modelHash));

  // Statistics are only kept to save time: without storage they are computed anew, and no run fails for it.
  async read(key: string): Promise<Uint8Array | null> {
    return (await this.#database.use((database) => database.get('statistics', key)).catch(() => null)) ?? null;
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    await this.#database.use((database) => database.put('statistics', bytes, key)).catch(() => undefined);
  }

  /** @throws EngineError ('storage') */
  loadHistory(owner: HistoryOwner): Promise<LoadedHistory> {
    return this.#history.load(owner);
  }

  /** @throws EngineError ('storage') */
  saveHistory(modelHash: string, entries: readonly StackEntry[]): Promise<void> {
    return this.#history.save(modelHash, entries);
  }

  /** @param onChange told when another tab changed a model's stack */
  watchHistory(onChange: (modelHash: string) => void): void {
    this.#channel.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (typeof data === 'string') onChange(data);
    };
  }

  /** @throws EngineError ('storage') */
  asideFile(modelHash: string, id: string): Promise<Blob | null> {
    return this.#history.asideFile(modelHash, id);
  }

  /** @throws EngineError ('storage') */
  discardAside(modelHash: string, id: string): Promise<void> {
    return this.#history.discardAside(modelHash, id);
  }

  /** Traces are only kept to save time, as statistics are; what is no trace is computed anew. */
  async loadAverageTrace(modelHash: string): Promise<AverageTraceView | null> {
    const kept = await this.#database.use((database) => database.get('traces', modelHash)).catch(() => undefined);
    return averageTraceSchema.safeParse(kept).data ?? null;
  }

  async saveAverageTrace(modelHash: string, view: AverageTraceView): Promise<void> {
    await this.#database.use((database) => database.put('traces', view, modelHash)).catch(() => undefined);
  }

  /** Known facts as well: what was asked of the model is asked again. */
  async loadAnswers(modelHash: string): Promise<unknown> {
    return (await this.#database.use((database) => database.get('answers', modelHash)).catch(() => null)) ?? null;
  }

  async saveAnswers(modelHash: string, answers: KeptAnswers): Promise<void> {
    await this.#database.use((database) => database.put('answers', answers, modelHash)).catch(() => undefined);
  }

  /** Tiles too; what is kept may come from another version of the page, which knew other tiles. */
  async loadTiles(key: string): Promise<TileTable | null> {
    const kept = await this.#database.use((database) => database.get('tiles', key)).catch(() => undefined);
    return tileTableSchema.safeParse(kept).data ?? null;
  }

  async saveTiles(key: string, tiles: TileTable): Promise<void> {
    await this.#database.use((database) => database.put('tiles', tiles, key)).catch(() => undefined);
  }
}
