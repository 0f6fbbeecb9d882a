/** `memit statistics`: second moments of layers over a text, as a file. */
import type { Command } from 'commander';
import { EngineError } from '../../engine/errors.ts';
import { methodOf } from '../../engine/methods/registry.ts';
import { readFloats } from '../../engine/runtime/device.ts';
import type { ModelSession } from '../../engine/session/session.ts';
import { writeStatistics } from '../../engine/statistics/statistics-file.ts';
import { TextStatistics } from '../../engine/statistics/text-statistics.ts';
import { sha256Text } from '../../engine/weights/model-hash.ts';
import { path, readText } from '../files.ts';
import { writeWhole } from '../outputs.ts';
import { modelCommand, parseCount, parseLayers, withSession, type ModelOptions } from '../options.ts';
import { showPhase } from '../progress.ts';

interface StatisticsOptions extends ModelOptions {
  readonly text?: string;
  readonly tokens?: number;
  readonly layers?: number[];
  readonly out: string;
}

export function statisticsCommand(root: Command): void {
  modelCommand(root, 'statistics', 'compute the covariances of layers over a text')
    .option('--text <file>', 'text, one document a line; the model’s own, else the one that ships, when absent', path)
    .requiredOption('--out <file>', 'where the statistics file goes', path)
    .option('--tokens <count>', 'tokens that are enough; all of the text when absent', parseCount)
    .option('--layers <a,b,c>', 'layers; those of the preset when absent', parseLayers)
    .action(statistics);
}

async function statistics(options: StatisticsOptions): Promise<void> {
  const given = options.text === undefined ? null : await readText(options.text);
  await withSession(options, { ignoreShipped: true }, async (session) => {
    const text = given ?? session.statisticsText?.text;
    if (text === undefined)
      throw new EngineError('statistics', 'There is no text to take statistics over.', {
        next: 'Name one with --text.',
      });
    const layers = options.layers ?? presetLayers(session);
    const source = new TextStatistics(session.model, session.tokenizer, text);
    const moments = await source.find(layers, {
      ...(options.tokens !== undefined && { tokens: options.tokens }),
      onProgress: (done, total) => {
        showPhase('statistics', done, total, `${done} of ${total} tokens`);
      },
    });
    const matrices = new Map<number, Float32Array>();
    let [tokens, complete] = [0, true];
    for (const [layer, moment] of moments) {
      matrices.set(layer, await readFloats(session.model.runtime.device, moment.matrix));
      moment.matrix.dispose();
      ({ tokens, complete } = moment);
    }
    const file = { modelHash: session.hash, textHash: await sha256Text(text), tokens, complete, layers: matrices };
    await writeWhole(options.out, await writeStatistics(file, session.model.config.intermediateSize));
    process.stderr.write(`Wrote ${options.out}: layers ${layers.join(', ')} over ${tokens} tokens.\n`);
  });
}

function presetLayers(session: ModelSession): readonly number[] {
  const method = methodOf(session.notes.method);
  return method.needs(session.preset(method.id).settings).secondMoments;
}
