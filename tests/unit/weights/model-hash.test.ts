import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CancelledError, DownloadError } from '../../../src/engine/errors.ts';
import { memorySource, unreadable } from '../../../src/engine/weights/byte-source.ts';
import { hashModel, legacyModelHash, sha256Text } from '../../../src/engine/weights/model-hash.ts';
import { collect, safetensorsParts } from '../../../src/engine/weights/safetensors-writer.ts';
import { readSafetensors } from '../../../src/engine/weights/safetensors.ts';
import { TensorIndex } from '../../../src/engine/weights/tensor-index.ts';
import { bytesOf, randomFloats, tensorFile } from './support.ts';

async function indexOf(...files: Uint8Array[]): Promise<TensorIndex> {
  return TensorIndex.of(await Promise.all(files.map((bytes, i) => readSafetensors(memorySource(`m${i}`, bytes)))));
}

const sha256 = (...parts: (string | Uint8Array)[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256'));

/** 18 MB: two whole chunks and a part. */
const values = randomFloats(4_500_000, 5);
const large = await collect(
  safetensorsParts([{ name: 'w', dtype: 'F32', shape: [4_500_000], bytes: () => bytesOf(values) }]),
);

const config = '{"n": "é"}';

describe('hashModel', () => {
  it('is SHA-256 over the config and every shard', async () => {
    expect((await hashModel(await indexOf(large), config)).hash).toBe(`sha256:${sha256(config, large).digest('hex')}`);
    const shards = [await tensorFile(['b']), await tensorFile(['a'])];
    const expected = sha256(config, ...shards).digest('hex');
    expect((await hashModel(await indexOf(...shards), config)).hash).toBe(`sha256:${expected}`);
  });

  it('changes with a single bit of the weights and with the config', async () => {
    const bytes = await tensorFile(['a', 'b']);
    const other = bytes.slice();
    other[other.length - 1] ^= 1;
    const identities = await Promise.all([
      hashModel(await indexOf(bytes), '{}'),
      hashModel(await indexOf(other), '{}'),
      hashModel(await indexOf(bytes), '{} '),
    ]);
    expect(new Set(identities.map(({ hash }) => hash)).size).toBe(3);
    expect(new Set(await Promise.all(identities.map((identity) => identity.formerHash()))).size).toBe(3);
    expect((await hashModel(await indexOf(bytes), '{}')).hash).toBe(identities[0].hash);
  });

  it('is the same whatever ends the lines of the config', async () => {
    const bytes = await tensorFile(['a', 'b']);
    const [unix, windows] = await Promise.all(
      ['{\n "a": 1\n}\n', '{\r\n "a": 1\r\n}\r\n'].map(async (text) => hashModel(await indexOf(bytes), text)),
    );
    expect(windows.hash).toBe(unix.hash);
    expect(await windows.formerHash()).toBe(await unix.formerHash());
  });

  it('can be cancelled', async () => {
    const index = await indexOf(await tensorFile(['a']));
    await expect(hashModel(index, '{}', AbortSignal.abort())).rejects.toBeInstanceOf(CancelledError);
    await expect(legacyModelHash(index, '{}', AbortSignal.abort())).rejects.toBeInstanceOf(CancelledError);
  });

  it('fails with the source, also in the piece that is read ahead', async () => {
    const memory = memorySource('m', large);
    const file = await readSafetensors(memory);
    for (const broken of [0, 1]) {
      const index = TensorIndex.of([
        {
          ...file,
          source: {
            ...memory,
            read: (start, end) =>
              start >= broken * 8 * 1024 * 1024
                ? Promise.reject(unreadable('m', new Error('gone')))
                : memory.read(start, end),
          },
        },
      ]);
      await expect(hashModel(index, '{}')).rejects.toBeInstanceOf(DownloadError);
    }
  });
});

describe('the former hash', () => {
  it('follows its definition', async () => {
    const chunk = 8 * 1024 * 1024;
    const digests = [sha256(config).digest()];
    for (let start = 0; start < large.length; start += chunk) {
      digests.push(sha256(large.subarray(start, start + chunk)).digest());
    }
    expect(digests.length).toBe(4);
    expect(await legacyModelHash(await indexOf(large), config)).toBe(sha256(...digests).digest('hex'));
  });

  it('is accepted beside the present one, and computed at most once, when it is asked about', async () => {
    const bytes = await tensorFile(['a', 'b']);
    const memory = memorySource('m', bytes);
    let reads = 0;
    let broken = false;
    const source = {
      ...memory,
      read: (start: number, end: number) => {
        reads += 1;
        return broken ? Promise.reject(unreadable('m', new Error('gone'))) : memory.read(start, end);
      },
    };
    const index = TensorIndex.of([await readSafetensors(source)]);
    const former = await legacyModelHash(index, '{}');
    expect(former).toMatch(/^[0-9a-f]{64}$/);
    const identity = await hashModel(index, '{}');
    reads = 0;
    expect(await identity.is(identity.hash)).toBe(true);
    expect(await identity.is(`sha256:${former}`)).toBe(false);
    expect(await identity.is('')).toBe(false);
    expect(reads).toBe(0);
    broken = true;
    await expect(identity.is(former!)).rejects.toBeInstanceOf(DownloadError);
    broken = false;
    reads = 0;
    const answers = await Promise.all([identity.is(former!), identity.is('ab'.repeat(32)), identity.is(former!)]);
    expect(answers).toEqual([true, false, true]);
    expect([await identity.formerHash(), reads]).toEqual([former, 1]);
  });

  it('is none for a model in several files', async () => {
    const index = await indexOf(await tensorFile(['a']), await tensorFile(['b']));
    const identity = await hashModel(index, '{}');
    expect(await legacyModelHash(index, '{}')).toBe(null);
    expect(await identity.formerHash()).toBe(identity.hash);
    expect(await identity.is('ab'.repeat(32))).toBe(false);
  });
});

describe('sha256Text', () => {
  it('is that of the UTF-8 bytes', async () => {
    for (const text of ['', 'é 東京', 'x'.repeat(100_000)]) {
      expect(await sha256Text(text)).toBe(sha256(text).digest('hex'));
    }
  });
});
