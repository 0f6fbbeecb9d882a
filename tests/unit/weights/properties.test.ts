/** Safetensors files from nowhere in particular: every one is either read rightly or refused with a typed error. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SafetensorsError } from '../../../src/engine/errors.ts';
import { memorySource } from '../../../src/engine/weights/byte-source.ts';
import { DTYPE_BYTES, isFloatDtype, type Dtype } from '../../../src/engine/weights/dtype.ts';
import { collect, safetensorsParts } from '../../../src/engine/weights/safetensors-writer.ts';
import { readSafetensors } from '../../../src/engine/weights/safetensors.ts';
import { TensorIndex } from '../../../src/engine/weights/tensor-index.ts';
import { open, rawFile } from './support.ts';

interface Tensor {
  name: string;
  dtype: Dtype;
  shape: number[];
  data: Uint8Array;
}

const names = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom('__proto__', 'constructor', '0', '10', '', '"', '\\'),
);

const tensor: fc.Arbitrary<Tensor> = fc
  .record({
    name: names.filter((name) => name !== '__metadata__'),
    dtype: fc.constantFrom(...(Object.keys(DTYPE_BYTES) as Dtype[])),
    shape: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }),
  })
  .chain((described) => {
    const length = described.shape.reduce((product, dim) => product * dim, DTYPE_BYTES[described.dtype]);
    return fc.uint8Array({ minLength: length, maxLength: length }).map((data) => ({ ...described, data }));
  });

const tensors = fc.uniqueArray(tensor, { maxLength: 8, selector: ({ name }) => name });
const metadata = fc.dictionary(names, fc.string({ unit: 'grapheme' }), { maxKeys: 3 });

function fileOf(entries: readonly Tensor[], notes: Record<string, string> = {}): Promise<Uint8Array> {
  const described = entries.map(({ data, ...rest }) => ({ ...rest, bytes: () => data }));
  return collect(safetensorsParts(described, notes));
}

async function bytesOf(index: TensorIndex, name: string): Promise<number[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of index.bytes(name)) chunks.push(chunk);
  return [...Buffer.concat(chunks)];
}

describe('safetensors', () => {
  it('come back as they were written, from one file and from shards', async () => {
    await fc.assert(
      fc.asyncProperty(tensors, metadata, fc.nat({ max: 8 }), async (written, notes, at) => {
        const parts = [written.slice(0, at), written.slice(at)];
        const shards = await Promise.all(
          parts.map(async (part, i) => readSafetensors(memorySource(`shard ${i}`, await fileOf(part, notes)))),
        );
        const index = TensorIndex.of(shards);
        // A map, as an object would not take every key.
        for (const shard of shards) expect(Object.entries(shard.metadata).sort()).toEqual(Object.entries(notes).sort());
        expect(index.tensors.map(({ name }) => name)).toEqual(written.map(({ name }) => name));
        for (const { name, dtype, shape, data } of written) {
          const entry = index.entry(name);
          expect([entry.dtype, entry.shape]).toEqual([dtype, shape]);
          expect(await bytesOf(index, name)).toEqual([...data]);
          if (isFloatDtype(dtype)) expect((await index.floats(name)).length).toBe(data.length / DTYPE_BYTES[dtype]);
          else await expect(index.floats(name)).rejects.toBeInstanceOf(SafetensorsError);
        }
      }),
      { numRuns: 80 },
    );
  });

  it('of any bytes are read within their bounds or refused', async () => {
    const json = fc.json({ maxDepth: 4 });
    const entry = fc.record(
      {
        dtype: fc.oneof(fc.constantFrom('F32', 'F16', 'U8', 'I64'), fc.string()),
        shape: fc.array(fc.oneof(fc.nat({ max: 5 }), fc.maxSafeInteger(), fc.double()), { maxLength: 3 }),
        data_offsets: fc.array(fc.oneof(fc.nat({ max: 40 }), fc.maxSafeInteger()), { maxLength: 3 }),
      },
      { requiredKeys: [] },
    );
    const header = fc.oneof(
      json,
      fc.dictionary(names, entry, { maxKeys: 3 }).map((entries) => JSON.stringify(entries)),
    );
    const damaged = fc
      .tuple(tensors, metadata, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 }), fc.nat())
      .chain(([written, notes, changes, cut]) =>
        fc.constant(async () => {
          const bytes = await fileOf(written, notes);
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          return cut % 4 === 0 ? bytes.subarray(0, cut % (bytes.length + 1)) : bytes;
        }),
      );
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 64 }).map((bytes) => () => Promise.resolve(bytes)),
      fc.tuple(header, fc.nat({ max: 40 })).map(
        ([text, data]) =>
          () =>
            Promise.resolve(rawFile(text, data)),
      ),
      damaged,
    );
    let read = 0;
    await fc.assert(
      fc.asyncProperty(any, async (make) => {
        const bytes = await make();
        try {
          const file = await open(bytes);
          let position = file.dataStart;
          for (const { start, end, dtype, shape } of file.tensors) {
            expect(start).toBe(position);
            expect(end - start).toBe(shape.reduce((product, dim) => product * dim, DTYPE_BYTES[dtype]));
            position = end;
          }
          expect(position).toBe(bytes.length);
          read += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(SafetensorsError);
        }
      }),
      { numRuns: 300 },
    );
    // Else nothing but refusals would have been seen.
    expect(read).toBeGreaterThan(5);
  });
});
