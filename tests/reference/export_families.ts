/**
 * Writes every family's small random model with a random edit of its first and last layer, as the exporter does, for check_family_exports.py:
 *
 *     npx tsx tests/reference/export_families.ts DIR && python tests/reference/check_family_exports.py DIR
 */
import { cp, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { safetensors } from '../../src/engine/exporting/safetensors.ts';
import { collect } from '../../src/engine/weights/safetensors-writer.ts';
import { randomDelta, withDeltas } from '../unit/families/deltas.ts';
import { loadFolder } from '../unit/families/load.ts';
import { nextTokenLogits } from '../unit/support.ts';

const MODELS = 'tests/reference/models';
const IDS = [5, 9, 2, 11, 7, 3];
const out = process.argv[2];

for (const name of (await readdir(MODELS)).filter((folder) => folder.startsWith('family-'))) {
  const { model, index } = await loadFolder(join(MODELS, name));
  const layers = [0, model.config.layerCount - 1];
  const weights = await withDeltas(
    model,
    layers.map((layer) => randomDelta(model, layer)),
  );
  const changed = new Map(weights.names.map((tensor) => [tensor, weights.get(tensor).floats]));
  const { parts } = await safetensors.export({ modelName: name, index, changed, edits: [] }, { dtype: 'source' });
  await cp(join(MODELS, name), join(out, name), { recursive: true });
  await writeFile(join(out, name, 'model.safetensors'), await collect(parts));
  const [after] = await nextTokenLogits(model, weights, [IDS]);
  await writeFile(join(out, name, 'logits.json'), JSON.stringify({ ids: IDS, logits: [...after] }));
}
process.exit(0);
