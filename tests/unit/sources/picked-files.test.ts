import { describe, expect, it } from 'vitest';
import {
  MissingFileError,
  optionalText,
  readText,
  type ByteProgress,
} from '../../../src/engine/sources/model-source.ts';
import { pickedFiles } from '../../../src/engine/sources/picked-files.ts';
import { failure, holdsPayload, payload } from './support.ts';

describe('pickedFiles', () => {
  const files = pickedFiles('picked', [
    { name: 'config.json', blob: new Blob(['{}']) },
    { name: 'folder/model.safetensors', blob: new Blob([payload]) },
  ]);

  it('finds files by name', async () => {
    const seen: ByteProgress[] = [];
    const source = await files.open('model.safetensors', (progress) => seen.push(progress));
    expect(await holdsPayload(source)).toBe(true);
    expect(seen).toEqual([{ file: 'model.safetensors', loaded: payload.length, total: payload.length }]);
    expect(await readText(files, 'config.json')).toBe('{}');
    expect(await optionalText(files, 'facts.json')).toBe(null);
  });

  it('says what is missing, what is there and what is there twice', async () => {
    const error = await failure(readText(files, 'tokenizer.json'));
    expect(error).toBeInstanceOf(MissingFileError);
    expect(error.message).toMatch(/“tokenizer.json” is not among the files \(config.json, model.safetensors\)/);
    const twice = pickedFiles('picked', [
      { name: 'a/config.json', blob: new Blob(['1']) },
      { name: 'b/config.json', blob: new Blob(['2']) },
    ]);
    expect((await failure(optionalText(twice, 'config.json'))).message).toMatch(
      /Two of the files are called “config.json”/,
    );
  });

  it('takes the file nearest the top of a picked folder', async () => {
    const folder = pickedFiles('picked', [
      { name: 'gpt2/onnx/config.json', blob: new Blob(['inner']) },
      { name: 'gpt2/config.json', blob: new Blob(['outer']) },
      { name: 'gpt2/onnx/a/config.json', blob: new Blob(['inner']) },
    ]);
    expect(await readText(folder, 'config.json')).toBe('outer');
    expect([folder.id, folder.revision, folder.name]).toEqual(['picked', null, 'picked']);
    expect(await folder.list()).toEqual([{ path: 'config.json', size: 5, sha256: null }]);
  });
});
