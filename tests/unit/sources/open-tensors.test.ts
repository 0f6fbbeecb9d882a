import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CancelledError, DownloadError, EngineError, SafetensorsError } from '../../../src/engine/errors.ts';
import { MissingFileError, type ByteProgress, type ModelSource } from '../../../src/engine/sources/model-source.ts';
import { openTensors } from '../../../src/engine/sources/open-tensors.ts';
import { pickedFiles } from '../../../src/engine/sources/picked-files.ts';
import { tensorFile } from '../weights/support.ts';
import { failure } from './support.ts';

const INDEX = 'model.safetensors.index.json';

function sourceOf(files: Record<string, Uint8Array | string>): ModelSource {
  const blobs = Object.entries(files).map(([name, content]) => {
    return { name, blob: new Blob([content as Uint8Array<ArrayBuffer> | string]) };
  });
  return pickedFiles('m', blobs);
}

const indexText = (map: Record<string, unknown>, metadata?: unknown): string =>
  JSON.stringify({ metadata, weight_map: map });

const one = 'model-00001-of-00002.safetensors';
const two = 'model-00002-of-00002.safetensors';
const map = { a: one, b: one, c: two };

async function sharded(text: string, extra: Record<string, Uint8Array | string> = {}): Promise<ModelSource> {
  return sourceOf({ [two]: await tensorFile(['c'], 5), [one]: await tensorFile(['a', 'b']), [INDEX]: text, ...extra });
}

describe('openTensors', () => {
  it('opens a single file, also beside an index', async () => {
    const whole = await tensorFile(['x']);
    for (const source of [
      sourceOf({ 'model.safetensors': whole }),
      await sharded(indexText(map), { 'model.safetensors': whole }),
    ]) {
      const index = await openTensors(source);
      expect([index.shards.length, index.size, [...(await index.floats('x'))]]).toEqual([1, whole.length, [1, -1]]);
    }
  });

  it('opens shards in the order of their names, with progress over all of them', async () => {
    const seen: ByteProgress[] = [];
    const index = await openTensors(await sharded(indexText(map, { total_size: 24 })), (p) => seen.push(p));
    expect(index.shards.map(({ source }) => source.name)).toEqual([one, two]);
    expect(index.tensors.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect([...(await index.floats('c'))]).toEqual([5, -5]);
    const [first] = index.shards.map(({ source }) => source.size);
    expect(seen).toEqual([
      { file: one, loaded: first, total: first }, // the headers are larger than these tensors
      { file: two, loaded: index.size, total: index.size },
      { file: two, loaded: index.size, total: index.size },
    ]);
    seen.length = 0;
    await openTensors(await sharded(indexText(map, { total_size: 1e6 })), (p) => seen.push(p));
    expect(seen.map(({ total }) => total)).toEqual([1e6, 1e6, index.size]);
    seen.length = 0;
    await openTensors(await sharded(indexText(map, 'odd')), (p) => seen.push(p));
    expect(seen.map(({ total }) => total)).toEqual([0, 0, index.size]);
  });

  it('names what is missing', async () => {
    const nothing = await failure(openTensors(sourceOf({})));
    expect(nothing).toBeInstanceOf(MissingFileError);
    expect(nothing.message).toMatch(/“model.safetensors” is not among the files/);
    const shard = await failure(openTensors(await sharded(indexText({ ...map, d: 'model-00003.safetensors' }))));
    expect(shard).toBeInstanceOf(MissingFileError);
    expect(shard.message).toMatch(/“model-00003.safetensors”/);
    for (const wrong of [
      { ...map, d: one },
      { ...map, c: one, a: two },
    ]) {
      const tensor = await failure(openTensors(await sharded(indexText(wrong))));
      expect(tensor).toBeInstanceOf(SafetensorsError);
      expect(tensor.message).toMatch(/“model-0000\d-of-00002.safetensors” lacks the tensor “[acd]”/);
    }
  });

  it('refuses a tensor that lies in two shards', async () => {
    const source = await sharded(indexText(map), { [two]: await tensorFile(['c', 'a']) });
    expect((await failure(openTensors(source))).message).toMatch(/“a” lies in two files/);
  });

  it.each([
    ['is not JSON', '{"weight_map":', /is not valid JSON/],
    ['is an array', '[]', /has no “weight_map”/],
    ['has no map', '{}', /has no “weight_map”/],
    ['has a list for a map', '{"weight_map":["a"]}', /has no “weight_map”/],
    ['lists nothing', '{"weight_map":{}}', /lists no tensor/],
    ['gives a number', indexText({ a: 1 }), /puts the tensor “a” into 1/],
    ['leads up', indexText({ a: '../m.safetensors' }), /is not the name of a file/],
    ['leads out', indexText({ a: '/etc/passwd' }), /is not the name of a file/],
    ['leads down', indexText({ a: 'x/y' }), /is not the name of a file/],
    ['leads up on Windows', indexText({ a: '..\\m' }), /is not the name of a file/],
    ['names a drive', indexText({ a: 'C:m' }), /is not the name of a file/],
    ['names the folder above', indexText({ a: '..' }), /is not the name of a file/],
    ['names nothing', indexText({ a: '' }), /is not the name of a file/],
    ['leads out by a key of the prototype', '{"weight_map":{"__proto__":"/x"}}', /is not the name of a file/],
  ])('refuses an index that %s', async (_, text, message) => {
    const error = await failure(openTensors(await sharded(text)));
    expect([error.code, error.message]).toEqual(['safetensors', expect.stringMatching(message)]);
  });

  it('can be cancelled', async () => {
    const source = await sharded(indexText(map));
    await expect(openTensors(source, undefined, AbortSignal.abort())).rejects.toBeInstanceOf(CancelledError);
    const abort = new AbortController();
    await expect(openTensors(source, () => abort.abort(), abort.signal)).rejects.toBeInstanceOf(CancelledError);
  });

  it('reads any files rightly or refuses them with a typed error, and asks for plain names only', async () => {
    const shards = {
      one: await tensorFile(['a', 'b']),
      two: await tensorFile(['c'], 5),
      three: await tensorFile(['a']),
    };
    const tensorNames = fc.oneof(fc.constantFrom('a', 'b', 'c', '__proto__'), fc.string({ maxLength: 3 }));
    const fileNames = fc.oneof(
      fc.constantFrom('one', 'two', 'three', '..', '../one'),
      fc.string({ maxLength: 3 }),
      fc.nat(),
    );
    const right = fc
      .subarray(Object.entries({ a: 'one', b: 'one', c: 'two' }), { minLength: 1 })
      .map((pairs): Record<string, string> => Object.fromEntries(pairs));
    const wrong = fc.dictionary(tensorNames, fileNames, { minKeys: 1, maxKeys: 2 });
    const text = fc.oneof(
      right.map((each) => indexText(each)),
      fc.tuple(right, wrong).map(([some, more]) => indexText({ ...some, ...more })),
      fc.oneof(fc.json(), fc.string()),
    );
    let read = 0;
    await fc.assert(
      fc.asyncProperty(text, fc.nat({ max: 1000 }), async (json, cut) => {
        const damaged = cut < shards.one.length ? shards.one.subarray(0, cut) : shards.one;
        const inner = sourceOf({ ...shards, one: damaged, [INDEX]: json });
        const source: ModelSource = {
          ...inner,
          open: (path, ...rest) => {
            expect(path).not.toMatch(/[/\\]|^\.*$/);
            return inner.open(path, ...rest);
          },
        };
        try {
          const index = await openTensors(source);
          const { weight_map } = JSON.parse(json) as { weight_map: Record<string, string> };
          for (const [tensor, file] of Object.entries(weight_map)) {
            expect(index.entry(tensor).shard.source.name).toBe(file);
          }
          if (index.has('c')) expect([...(await index.floats('c'))]).toEqual([5, -5]);
          read += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(EngineError);
          expect(error instanceof SafetensorsError || error instanceof DownloadError).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
    // Else nothing but refusals would have been seen.
    expect(read).toBeGreaterThan(10);
  });
});
