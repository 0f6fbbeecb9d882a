/** Keeps which facts models know, a file a model, in a folder. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AnswerStore, KeptAnswers } from '../engine/knowledge/answers.ts';
import { cacheFolder } from './cache-folder.ts';
import { writeWhole } from './outputs.ts';

/** What cannot be read or written is not kept: the next run asks again. */
export class AnswerFiles implements AnswerStore {
  readonly #folder: string;

  constructor(folder = join(cacheFolder(), 'answers')) {
    this.#folder = folder;
  }

  async loadAnswers(modelHash: string): Promise<unknown> {
    try {
      return JSON.parse(await readFile(this.#path(modelHash), 'utf8')) as unknown;
    } catch {
      return null;
    }
  }

  async saveAnswers(modelHash: string, answers: KeptAnswers): Promise<void> {
    try {
      await writeWhole(this.#path(modelHash), `${JSON.stringify(answers)}\n`);
    } catch {
      // A cache folder that cannot be written is no reason to stop.
    }
  }

  #path(modelHash: string): string {
    return join(this.#folder, `${modelHash.replace(/[^\da-z]+/gi, '-')}.json`);
  }
}
