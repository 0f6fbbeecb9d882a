/** A model split into shards, opened, says what it says in one file, and is exported as one file again. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startWasm } from '../../../src/cli/backend.ts';
import { fileSource } from '../../../src/cli/folder-source.ts';
import { predict } from '../../../src/engine/session/asking.ts';
import { exportModel } from '../../../src/engine/session/export.ts';
import { openSession } from '../../../src/engine/session/open.ts';
import { pickedFiles } from '../../../src/engine/sources/picked-files.ts';
import { collect, safetensorsParts, toBlob } from '../../../src/engine/weights/safetensors-writer.ts';
import { readSafetensors, tensorBytes } from '../../../src/engine/weights/safetensors.ts';
import { openModel, TINY_MODEL } from '../support.ts';
import { open } from '../weights/support.ts';

it('opens from shards as from one file', async () => {
  const file = await readSafetensors(await fileSource(join(TINY_MODEL, 'model.safetensors')));
  const half = file.tensors.length >> 1;
  const files: { name: string; blob: Blob }[] = [];
  const weightMap: Record<string, string> = {};
  for (const [name, entries] of [
    ['model-00001-of-00002.safetensors', file.tensors.slice(half)],
    ['model-00002-of-00002.safetensors', file.tensors.slice(0, half)],
  ] as const) {
    const tensors = entries.map((entry) => ({ ...entry, bytes: () => tensorBytes(file, entry) }));
    files.push({ name, blob: await toBlob(safetensorsParts(tensors, file.metadata)) });
    for (const entry of entries) weightMap[entry.name] = name;
  }
  files.push({ name: 'model.safetensors.index.json', blob: new Blob([JSON.stringify({ weight_map: weightMap })]) });
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
    files.push({ name, blob: new Blob([await readFile(join(TINY_MODEL, name))]) });
  }

  const whole = await openModel(TINY_MODEL);
  const sharded = await openSession(pickedFiles('sharded', files), await startWasm(1));
  try {
    const prompts = ['Hello', 'The sky is'];
    expect(await predict(sharded, prompts)).toEqual(await predict(whole, prompts));
    expect(sharded.tensors.shards.length).toBe(2);
    expect(sharded.hash).not.toBe(whole.hash);
    const exported = await open(await collect((await exportModel(sharded, 'safetensors', {})).parts));
    expect(new Set(exported.tensors.map(({ name }) => name))).toEqual(new Set(Object.keys(weightMap)));
  } finally {
    await whole.dispose();
    await sharded.dispose();
  }
});
