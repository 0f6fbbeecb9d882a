import { describe, expect, it } from 'vitest';
import type { LayerUpdate, Patch } from '../../../src/engine/patches/patch.ts';
import { PatchError } from '../../../src/engine/errors.ts';
import { assertPatchFits, readPatchFile, writePatchFile } from '../../../src/engine/patches/patch-file.ts';
import { blobSource, memorySource } from '../../../src/engine/weights/byte-source.ts';
import { collect, safetensorsParts, type TensorToWrite } from '../../../src/engine/weights/safetensors-writer.ts';
import { readFloats, readSafetensors } from '../../../src/engine/weights/safetensors.ts';
import { bytesOf, randomFloats } from '../weights/support.ts';

function update(layer: number): LayerUpdate {
  return {
    layer,
    tensorName: `transformer.h.${layer}.mlp.c_proj.weight`,
    residual: randomFloats(2 * 3, layer),
    adjustedKeys: randomFloats(2 * 5, layer + 100, 1e-6),
    editCount: 2,
    hiddenSize: 3,
    intermediateSize: 5,
    transposed: true,
  };
}

const patch: Patch = {
  id: 'c1f0',
  name: 'Eiffel Tower → Rome',
  createdAt: '2025-03-04T05:06:07.000Z',
  modelHash: 'ab'.repeat(32),
  modelName: 'demo',
  method: 'memit',
  requests: [
    {
      caseId: 7,
      prompt: '{} is in',
      subject: 'Eiffel Tower',
      targetNew: ' Rome',
      targetTrue: ' Paris',
      relationId: 'P1',
    },
    { prompt: 'The capital of {} is', subject: '日本', targetNew: ' Ōsaka "x"\n' },
  ],
  settings: {
    layers: [1, 2],
    steps: 20,
    learningRate: 0.5,
    weightDecay: 0.5,
    clampNormFactor: 0.75,
    klFactor: 0.0625,
    covarianceWeight: 15_000,
    seed: 3,
  },
  contexts: ['{}', 'The cat sat. {}'],
  layers: [update(1), update(2)],
  report: { seconds: 1.5, layers: [{ layer: 1, relativeResidual: 1e-9 }], losses: [] },
};

async function failure(promise: Promise<unknown>): Promise<PatchError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PatchError);
  return error as PatchError;
}

/** The patch's file with its description and its tensors changed before they are written. */
async function forged(
  changeHeader: (header: Record<string, unknown>) => unknown,
  changeTensors: (tensors: TensorToWrite[]) => TensorToWrite[] = (tensors) => tensors,
): Promise<Uint8Array> {
  const file = await readSafetensors(memorySource('p', await writePatchFile(patch)));
  const tensors: TensorToWrite[] = [];
  for (const { name, dtype, shape } of file.tensors) {
    const values = await readFloats(file, name);
    tensors.push({ name, dtype, shape, bytes: () => bytesOf(values) });
  }
  const header = changeHeader(JSON.parse(file.metadata.memit_patch) as Record<string, unknown>);
  const text = typeof header === 'string' ? header : JSON.stringify(header);
  return collect(safetensorsParts(changeTensors(tensors), { memit_patch: text }));
}

const layersOf = (header: Record<string, unknown>): Record<string, unknown>[] =>
  header.layers as Record<string, unknown>[];

describe('patch files', () => {
  it('give the patch back, from memory and from a Blob', async () => {
    const bytes = await writePatchFile(patch);
    expect(await readPatchFile(bytes)).toEqual(patch);
    expect(await readPatchFile(blobSource('p.safetensors', new Blob([bytes.slice()])))).toEqual(patch);
  });

  it('are safetensors files with one pair of factors a layer', async () => {
    const file = await readSafetensors(memorySource('p', await writePatchFile(patch)));
    expect(file.tensors.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
      ['transformer.h.1.mlp.c_proj.weight.residual', 'F32', [2, 3]],
      ['transformer.h.1.mlp.c_proj.weight.adjusted_keys', 'F32', [2, 5]],
      ['transformer.h.2.mlp.c_proj.weight.residual', 'F32', [2, 3]],
      ['transformer.h.2.mlp.c_proj.weight.adjusted_keys', 'F32', [2, 5]],
    ]);
    expect(JSON.parse(file.metadata.memit_patch)).toMatchObject({ formatVersion: 1, modelName: 'demo' });
  });

  it('refuse to be written with factors that do not fit or are not finite', async () => {
    const short = { ...update(1), residual: randomFloats(5, 1) };
    expect((await failure(writePatchFile({ ...patch, layers: [short] }))).message).toMatch(
      /residual” has 5 values, not 2 × 3/,
    );
    const broken = update(1);
    broken.adjustedKeys[4] = NaN;
    expect((await failure(writePatchFile({ ...patch, layers: [broken] }))).message).toMatch(
      /adjusted_keys” holds NaN at position 4/,
    );
  });

  it.each<[what: string, header: (header: Record<string, unknown>) => unknown, message: RegExp]>([
    ['another format version', (h) => ({ ...h, formatVersion: 2 }), /format version 2; this program reads version 1/],
    ['no format version', (h) => ({ ...h, formatVersion: undefined }), /format version unknown/],
    ['a description that is not JSON', () => '{', /not valid JSON/],
    ['a description that is null', () => 'null', /format version unknown/],
    ['another method', (h) => ({ ...h, method: 'rome' }), /“method”/],
    ['no model hash', (h) => ({ ...h, modelHash: '' }), /“modelHash”/],
    ['a date that is none', (h) => ({ ...h, createdAt: 'yesterday' }), /“createdAt”/],
    ['no requests', (h) => ({ ...h, requests: [] }), /“requests”/],
    [
      'a request without a subject',
      (h) => ({ ...h, requests: [{ prompt: '{}', targetNew: 'x' }] }),
      /“requests\.0\.subject”/,
    ],
    [
      'fewer requests than rows',
      (h) => ({ ...h, requests: (h.requests as unknown[]).slice(1) }),
      /1 edits, and 2 in layer 1/,
    ],
    ['unusable settings', (h) => ({ ...h, settings: { ...(h.settings as object), steps: -1 } }), /“settings\.steps”/],
    ['no layers', (h) => ({ ...h, layers: [] }), /“layers”/],
    [
      'an unknown weight',
      (h) => ({ ...h, layers: [{ ...layersOf(h)[0], tensorName: 'w' }] }),
      /lacks its tensor “w\.residual”/,
    ],
    ['a weight named twice', (h) => ({ ...h, layers: [layersOf(h)[0], layersOf(h)[0]] }), /c_proj\.weight” twice/],
    [
      'another hidden size',
      (h) => ({ ...h, layers: [{ ...layersOf(h)[0], hiddenSize: 4 }] }),
      /residual” has shape \[2, 3\], and its description says \[2, 4\]/,
    ],
    [
      'a negative size',
      (h) => ({ ...h, layers: [{ ...layersOf(h)[0], intermediateSize: -5 }] }),
      /“layers\.0\.intermediateSize”/,
    ],
  ])('are refused with %s', async (_, header, message) => {
    const error = await failure(readPatchFile(await forged(header)));
    expect(error.message).toMatch(message);
    expect(error.kept).not.toBe('');
  });

  it('are refused with tensors that are missing, of another dtype or not finite', async () => {
    const keep = (header: Record<string, unknown>): unknown => header;
    const missing = await forged(keep, (tensors) => tensors.slice(0, 3));
    expect((await failure(readPatchFile(missing))).message).toMatch(/lacks its tensor “.*h\.2.*adjusted_keys”/);
    const integers = await forged(keep, ([first, ...rest]) => [{ ...first, dtype: 'I32' }, ...rest]);
    expect((await failure(readPatchFile(integers))).message).toMatch(/stored as I32/);
    const infinite = await forged(keep, ([first, ...rest]) => {
      const values = Float32Array.of(1, 2, 3, 4, -Infinity, 6);
      return [{ ...first, bytes: () => bytesOf(values) }, ...rest];
    });
    expect((await failure(readPatchFile(infinite))).message).toMatch(/residual” holds -Infinity at position 4/);
  });

  it('are refused when truncated at any place, when they are a model and when they are something else', async () => {
    const bytes = await writePatchFile(patch);
    for (let size = 0; size < bytes.length; size += 7) await failure(readPatchFile(bytes.subarray(0, size)));
    const model = await collect(safetensorsParts([], { format: 'pt' }));
    expect((await failure(readPatchFile(model))).message).toMatch(/a safetensors file, but not a patch/);
    const text = new TextEncoder().encode('[{"subject": "x"}]');
    expect((await failure(readPatchFile(text))).message).toMatch(/cannot be read as a patch/);
  });
});

describe('assertPatchFits', () => {
  const model = {
    hash: patch.modelHash,
    name: 'demo',
    tensors: new Map(patch.layers.map(({ tensorName }) => [tensorName, [5, 3]])),
  };

  it('accepts the model it was made with', () => {
    expect(() => assertPatchFits(patch, model)).not.toThrow();
    const plain = { ...patch, layers: patch.layers.map((layer) => ({ ...layer, transposed: false })) };
    const tensors = new Map(patch.layers.map(({ tensorName }) => [tensorName, [3, 5]]));
    expect(() => assertPatchFits(plain, { ...model, tensors })).not.toThrow();
    expect(() => assertPatchFits(plain, model)).toThrow(PatchError);
  });

  it('names both models when it is another one, what was kept and what to do', async () => {
    const other = { ...model, hash: 'cd'.repeat(32), name: 'gpt2' };
    const error = await failure(Promise.resolve().then(() => assertPatchFits(patch, other)));
    expect(error.message).toMatch(/“Eiffel Tower → Rome” was made with the model “demo”; the open model is “gpt2”/);
    expect(error.kept).toMatch(/“gpt2”.*as they were/);
    expect(error.next).toMatch(/Open “demo”/);
    expect(() => assertPatchFits(patch, { ...other, name: 'demo' })).toThrow(/“demo” with other weights/);
  });

  it('names a weight that is missing or has another shape', () => {
    const [first, second] = patch.layers;
    const missing = new Map([[first.tensorName, [5, 3]]]);
    expect(() => assertPatchFits(patch, { ...model, tensors: missing })).toThrow(/h\.2.*has no such weight/);
    const square = new Map([...missing, [second.tensorName, [3, 3]]]);
    expect(() => assertPatchFits(patch, { ...model, tensors: square })).toThrow(/h\.2.*\[5, 3\].*has it as \[3, 3\]/);
  });
});
