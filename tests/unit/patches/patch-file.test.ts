/** Patch files: what is written comes back, whichever version wrote it; everything else is refused. */
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { PatchError } from '../../../src/engine/errors.ts';
import { settingsSchemas } from '../../../src/engine/methods/registry.ts';
import { assertPatchFits } from '../../../src/engine/patches/fit.ts';
import { readPatchFile, writePatchFile } from '../../../src/engine/patches/patch-file.ts';
import type { Patch } from '../../../src/engine/patches/patch.ts';
import type { DenseDelta, LowRankDelta, WeightDelta } from '../../../src/engine/patches/weight-delta.ts';
import { predict } from '../../../src/engine/session/asking.ts';
import { blobSource, memorySource } from '../../../src/engine/weights/byte-source.ts';
import { collect, safetensorsParts, type TensorToWrite } from '../../../src/engine/weights/safetensors-writer.ts';
import { readFloats, readSafetensors } from '../../../src/engine/weights/safetensors.ts';
import { relativeError } from '../compare.ts';
import { DEMO_MODEL, golden, lowRank, openModel } from '../support.ts';
import { bytesOf, randomFloats } from '../weights/support.ts';

function factors(layer: number): LowRankDelta {
  return {
    kind: 'low-rank',
    tensor: `transformer.h.${layer}.mlp.c_proj.weight`,
    fanInFanOut: true,
    rank: 2,
    outSize: 3,
    inSize: 5,
    left: randomFloats(2 * 3, layer),
    right: randomFloats(2 * 5, layer + 100, 1e-6),
  };
}

const whole: DenseDelta = {
  kind: 'dense',
  tensor: 'transformer.h.3.attn.c_attn.weight',
  shape: [2, 2, 3],
  values: randomFloats(12, 9),
};

/** As version 1 had them: two factors of each layer. */
const plain: Patch = {
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
  deltas: [factors(1), factors(2)],
  report: { seconds: 1.5, layers: [{ layer: 1, relativeResidual: 1e-9 }], losses: [] },
};
const patch: Patch = { ...plain, deltas: [...plain.deltas, whole] };

/** A patch of low-rank deltas as version 1 of the format had it. */
function writeVersion1({ deltas, ...rest }: Patch): Promise<Uint8Array> {
  const given = deltas.map(lowRank);
  const layers = given.map(({ tensor, rank, outSize, inSize, fanInFanOut }, i) => ({
    layer: i + 1,
    tensorName: tensor,
    editCount: rank,
    hiddenSize: outSize,
    innerSize: inSize,
    transposed: fanInFanOut,
  }));
  const tensors = given.flatMap(({ tensor, rank, outSize, inSize, left, right }): TensorToWrite[] => [
    { name: `${tensor}.residual`, dtype: 'F32', shape: [rank, outSize], bytes: () => bytesOf(left) },
    { name: `${tensor}.adjusted_keys`, dtype: 'F32', shape: [rank, inSize], bytes: () => bytesOf(right) },
  ]);
  return collect(safetensorsParts(tensors, { memit_patch: JSON.stringify({ formatVersion: 1, ...rest, layers }) }));
}

/** A patch as version 2 of the format had it: all but the numbers of the deltas in the header. */
function writeVersion2({ deltas, ...rest }: Patch): Promise<Uint8Array> {
  const tensors = deltas.flatMap((delta): TensorToWrite[] => {
    const part = (name: string, shape: number[], values: Float32Array): TensorToWrite => ({
      name: `${delta.tensor}.${name}`,
      dtype: 'F32',
      shape,
      bytes: () => bytesOf(values),
    });
    if (delta.kind === 'dense') return [part('delta', [...delta.shape], delta.values)];
    const { rank, outSize, inSize, left, right } = delta;
    return [part('left', [rank, outSize], left), part('right', [rank, inSize], right)];
  });
  const headers = deltas.map((delta) =>
    Object.fromEntries(Object.entries(delta).filter(([, value]) => !(value instanceof Float32Array))),
  );
  const header = { formatVersion: 2, ...rest, deltas: headers };
  return collect(safetensorsParts(tensors, { memit_patch: JSON.stringify(header) }));
}

function read(bytes: Uint8Array): Promise<Patch> {
  return readPatchFile(bytes, settingsSchemas());
}

async function failure(promise: Promise<unknown>): Promise<PatchError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PatchError);
  return error as PatchError;
}

type Header = Record<string, unknown>;

/** A patch's file with its description and its tensors changed before they are written. */
async function forged(
  bytes: Uint8Array,
  changeHeader: (header: Header) => unknown,
  changeTensors: (tensors: TensorToWrite[]) => TensorToWrite[] = (tensors) => tensors,
): Promise<Uint8Array> {
  const file = await readSafetensors(memorySource('p', bytes));
  const tensors: TensorToWrite[] = [];
  for (const { name, dtype, shape, start, end } of file.tensors) {
    tensors.push({ name, dtype, shape, bytes: () => bytes.subarray(start, end) });
  }
  const header = changeHeader(JSON.parse(file.metadata.memit_patch) as Header);
  const text = typeof header === 'string' ? header : JSON.stringify(header);
  return collect(safetensorsParts(changeTensors(tensors), { memit_patch: text }));
}

const keep = (header: Header): unknown => header;
const layersOf = (header: Header): Header[] => header.layers as Header[];
const deltasOf = (header: Header): Header[] => header.deltas as Header[];

type Refusal = [what: string, header: (header: Header) => unknown, message: RegExp];

/** What no version takes. */
const refusals: Refusal[] = [
  ['another format version', (h) => ({ ...h, formatVersion: 4 }), /version 4; this program reads versions up to 3/],
  ['no format version', (h) => ({ ...h, formatVersion: undefined }), /format version unknown/],
  ['a description that is not JSON', () => '{', /not valid JSON/],
  ['a description that is null', () => 'null', /format version unknown/],
  ['another method', (h) => ({ ...h, method: 'rome' }), /“method” is “rome”, which this program does not know/],
  ['no method', (h) => ({ ...h, method: undefined }), /“method”/],
  ['no model hash', (h) => ({ ...h, modelHash: '' }), /“modelHash”/],
  ['a date that is none', (h) => ({ ...h, createdAt: 'yesterday' }), /“createdAt”/],
  ['unusable settings', (h) => ({ ...h, settings: { ...(h.settings as object), steps: -1 } }), /“settings\.steps”/],
  ['no settings', (h) => ({ ...h, settings: undefined }), /“settings”/],
];

/** What the versions with requests in the header do not take either. */
const requestRefusals: Refusal[] = [
  ['no requests', (h) => ({ ...h, requests: [] }), /“requests”/],
  [
    'a request without a subject',
    (h) => ({ ...h, requests: [{ prompt: '{}', targetNew: 'x' }] }),
    /“requests\.0\.subject”/,
  ],
];

/** As many edits as are asked for, with the losses of 25 steps each. */
function many(edits: number): Patch {
  const losses = Array.from({ length: 25 * edits }, (_, i) => ({
    edit: Math.floor(i / 25),
    step: i % 25,
    nll: Math.random() * 15,
    kl: Math.random() * 1e-3 - 1e-9,
  }));
  const request = { prompt: 'The "mother tongue" of {}\nis \\', subject: '', targetNew: ' Ōsaka "x"' };
  return {
    ...patch,
    requests: Array.from({ length: edits }, (_, i) => ({ ...request, subject: `日本 "${i}"` })),
    report: { seconds: 3, losses },
  };
}

describe('patch files', () => {
  it('give the patch back, from memory and from a Blob', async () => {
    const bytes = await writePatchFile(patch);
    expect(await read(bytes)).toEqual(patch);
    const blob = blobSource('p.safetensors', new Blob([bytes.slice()]));
    expect(await readPatchFile(blob, settingsSchemas())).toEqual(patch);
  });

  it('are safetensors files with a pair of factors or one whole change a weight', async () => {
    const file = await readSafetensors(memorySource('p', await writePatchFile(patch)));
    expect(file.tensors.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
      ['transformer.h.1.mlp.c_proj.weight.left', 'F32', [2, 3]],
      ['transformer.h.1.mlp.c_proj.weight.right', 'F32', [2, 5]],
      ['transformer.h.2.mlp.c_proj.weight.left', 'F32', [2, 3]],
      ['transformer.h.2.mlp.c_proj.weight.right', 'F32', [2, 5]],
      ['transformer.h.3.attn.c_attn.weight.delta', 'F32', [2, 2, 3]],
      ['report.layers', 'F64', [1, 2]],
      ['requests', 'U8', [expect.any(Number)]],
      ['report', 'U8', [expect.any(Number)]],
    ]);
    const header = JSON.parse(file.metadata.memit_patch) as Header;
    expect(header).toMatchObject({ formatVersion: 3, modelName: 'demo' });
    const described = { kind: 'low-rank', fanInFanOut: true, rank: 2, outSize: 3, inSize: 5 };
    expect(header.deltas).toEqual([
      { ...described, tensor: 'transformer.h.1.mlp.c_proj.weight' },
      { ...described, tensor: 'transformer.h.2.mlp.c_proj.weight' },
      { kind: 'dense', tensor: 'transformer.h.3.attn.c_attn.weight', shape: [2, 2, 3] },
    ]);
  });

  it('of thousands of edits have a small header, and give them back', async () => {
    const large = many(9000);
    const bytes = await writePatchFile(large);
    expect((await readSafetensors(memorySource('p', bytes))).dataStart).toBeLessThan(4000);
    const again = await read(bytes);
    expect(again.requests).toEqual(large.requests);
    expect(JSON.stringify(again.report)).toBe(JSON.stringify(large.report));
  });

  it('of thousands of edits in the form of version 2 are read as well', async () => {
    const large = many(3000);
    const again = await read(await writeVersion2(large));
    expect(again.requests).toEqual(large.requests);
    expect(JSON.stringify(again.report)).toBe(JSON.stringify(large.report));
  });

  it('give back whatever a report is', async () => {
    const value = fc.oneof(fc.double({ noNaN: true }), fc.string(), fc.constant(null));
    const records = fc.array(fc.dictionary(fc.stringMatching(/^[a-c]$/), fc.double(), { maxKeys: 3 }), {
      maxLength: 4,
    });
    const report = fc.oneof(value, fc.dictionary(fc.stringMatching(/^[a-f]$/), fc.oneof(value, records)));
    await fc.assert(
      fc.asyncProperty(report, async (given) => {
        const json: unknown = JSON.parse(JSON.stringify(given));
        expect((await read(await writePatchFile({ ...patch, report: json }))).report).toEqual(json);
      }),
      { numRuns: 100 },
    );
  });

  it('are refused where their requests or reports are damaged', async () => {
    const bytes = await writePatchFile(patch);
    const changed = async (name: string, text: string): Promise<string> => {
      const data = new TextEncoder().encode(text);
      const field = name === 'requests' ? 'requestBytes' : 'reportBytes';
      const file = await forged(
        bytes,
        (header) => ({ ...header, [field]: data.length }),
        (tensors) =>
          tensors.map((each) => (each.name === name ? { ...each, shape: [data.length], bytes: () => data } : each)),
      );
      return (await failure(read(file))).message;
    };
    expect(await changed('requests', '[{]')).toMatch(/“requests” is not valid JSON/);
    expect(await changed('requests', '[]')).toMatch(/“requests” is not usable/);
    expect(await changed('requests', '[{"prompt": "{}", "targetNew": "x"}]')).toMatch(/“requests\.0\.subject”/);
    expect(await changed('report', '{')).toMatch(/“report” is not valid JSON/);
    const shifted = await forged(bytes, (header) => ({ ...header, requestBytes: 7 }));
    expect((await failure(read(shifted))).message).toMatch(/no tensor “requests” of U8 \[7\]/);
    const nothing = await forged(bytes, keep, (tensors) =>
      tensors.map((each) =>
        each.name === 'report.layers' ? { ...each, bytes: () => bytesOf(Float64Array.of(1, NaN)) } : each,
      ),
    );
    expect((await failure(read(nothing))).message).toMatch(/not finite, in “layers”/);
  });

  it('refuse to be written with numbers that do not fit or are not finite', async () => {
    const written = (delta: WeightDelta): Promise<Uint8Array> => writePatchFile({ ...patch, deltas: [delta] });
    const short = { ...factors(1), left: randomFloats(5, 1) };
    expect((await failure(written(short))).message).toMatch(/left” has 5 values, not 2 × 3/);
    const broken = factors(1);
    broken.right[4] = NaN;
    expect((await failure(written(broken))).message).toMatch(/right” holds NaN at position 4/);
    const long = { ...whole, values: randomFloats(13, 1) };
    expect((await failure(written(long))).message).toMatch(/delta” has 13 values, not 2 × 2 × 3/);
    const infinite = { ...whole, values: whole.values.map((value, i) => (i === 7 ? Infinity : value)) };
    expect((await failure(written(infinite))).message).toMatch(/delta” holds Infinity at position 7/);
  });

  it.each<Refusal>([
    ...refusals,
    ['no deltas', (h) => ({ ...h, deltas: [] }), /“deltas”/],
    ['the layers of version 1', (h) => ({ ...h, deltas: undefined, layers: [] }), /“deltas”/],
    ['a delta of another kind', (h) => ({ ...h, deltas: [{ ...deltasOf(h)[0], kind: 'lora' }] }), /“deltas\.0\.kind”/],
    [
      'an unknown weight',
      (h) => ({ ...h, deltas: [{ ...deltasOf(h)[0], tensor: 'w' }] }),
      /lacks its tensor “w\.left”/,
    ],
    [
      'an unknown weight that is changed as a whole',
      (h) => ({ ...h, deltas: [{ ...deltasOf(h)[2], tensor: 'w' }] }),
      /lacks its tensor “w\.delta”/,
    ],
    ['a weight without a name', (h) => ({ ...h, deltas: [{ ...deltasOf(h)[0], tensor: '' }] }), /“deltas\.0\.tensor”/],
    ['a weight named twice', (h) => ({ ...h, deltas: [deltasOf(h)[0], deltasOf(h)[0]] }), /c_proj\.weight” twice/],
    [
      'a weight changed in both ways',
      (h) => ({ ...h, deltas: [deltasOf(h)[0], { ...deltasOf(h)[2], tensor: deltasOf(h)[0].tensor }] }),
      /c_proj\.weight” twice/,
    ],
    [
      'another output size',
      (h) => ({ ...h, deltas: [{ ...deltasOf(h)[0], outSize: 4 }] }),
      /left” has shape \[2, 3\], and its description says \[2, 4\]/,
    ],
    [
      'another rank',
      (h) => ({ ...h, deltas: [{ ...deltasOf(h)[0], rank: 1 }] }),
      /left” has shape \[2, 3\], and its description says \[1, 3\]/,
    ],
    [
      'another shape, as many numbers',
      (h) => ({ ...h, deltas: [{ ...deltasOf(h)[2], shape: [4, 3] }] }),
      /delta” has shape \[2, 2, 3\], and its description says \[4, 3\]/,
    ],
    ['no shape', (h) => ({ ...h, deltas: [{ ...deltasOf(h)[2], shape: [] }] }), /“deltas\.0\.shape”/],
    ['a negative size', (h) => ({ ...h, deltas: [{ ...deltasOf(h)[0], inSize: -5 }] }), /“deltas\.0\.inSize”/],
    ['an orientation that is none', (h) => ({ ...h, deltas: [{ ...deltasOf(h)[0], fanInFanOut: 1 }] }), /fanInFanOut/],
  ])('are refused with %s', async (_, header, message) => {
    const error = await failure(read(await forged(await writePatchFile(patch), header)));
    expect(error.message).toMatch(message);
    expect(error.kept).not.toBe('');
  });

  it('are refused with tensors that are missing, of another dtype or not finite', async () => {
    const bytes = await writePatchFile(patch);
    const withTensors = async (change: (tensors: TensorToWrite[]) => TensorToWrite[]): Promise<string> =>
      (await failure(read(await forged(bytes, keep, change)))).message;
    expect(await withTensors((tensors) => tensors.filter((_, i) => i !== 4))).toMatch(
      /lacks its tensor “.*h\.3.*delta”/,
    );
    expect(await withTensors((tensors) => tensors.filter((_, i) => i !== 3))).toMatch(/lacks .*h\.2.*right”/);
    expect(await withTensors(([first, ...rest]) => [{ ...first, dtype: 'I32' }, ...rest])).toMatch(/stored as I32/);
    const infinite = Float32Array.of(1, 2, 3, 4, -Infinity, 6);
    expect(await withTensors(([first, ...rest]) => [{ ...first, bytes: () => bytesOf(infinite) }, ...rest])).toMatch(
      /left” holds -Infinity at position 4/,
    );
    const notNumbers = whole.values.map((value, i) => (i === 11 ? NaN : value));
    expect(
      await withTensors((tensors) =>
        tensors.map((each, i) => (i === 4 ? { ...each, bytes: () => bytesOf(notNumbers) } : each)),
      ),
    ).toMatch(/delta” holds NaN at position 11/);
  });

  it('are refused when truncated at any place, when they are a model and when they are something else', async () => {
    const bytes = await writePatchFile(patch);
    for (let size = 0; size < bytes.length; size += 7) await failure(read(bytes.subarray(0, size)));
    const model = await collect(safetensorsParts([], { format: 'pt' }));
    expect((await failure(read(model))).message).toMatch(/a safetensors file, but not a patch/);
    const text = new TextEncoder().encode('[{"subject": "x"}]');
    expect((await failure(read(text))).message).toMatch(/cannot be read as a patch/);
  });

  it('hold to the settings of whichever method wrote them', async () => {
    const other: Patch = { ...patch, method: 'other', settings: { force: 2 } };
    const bytes = await writePatchFile(other);
    const schemas = (method: string) => (method === 'other' ? z.object({ force: z.number().max(3) }) : undefined);
    expect(await readPatchFile(bytes, schemas)).toEqual(other);
    const forceful = await writePatchFile({ ...other, settings: { force: 4 } });
    expect((await failure(readPatchFile(forceful, schemas))).message).toMatch(/“settings\.force”/);
    expect((await failure(read(bytes))).message).toMatch(/“method” is “other”/);
  });
});

describe('patch files of version 2', () => {
  it('give the patch back', async () => {
    expect(await read(await writeVersion2(patch))).toEqual(patch);
  });

  it.each(requestRefusals)('are refused with %s', async (_, header, message) => {
    expect((await failure(read(await forged(await writeVersion2(patch), header)))).message).toMatch(message);
  });
});

describe('patch files of version 1', () => {
  it('give the patch back as factors of its layers, and again after they are written anew', async () => {
    const bytes = await writeVersion1(plain);
    const again = await read(bytes);
    expect(again).toEqual(plain);
    expect(await read(await writePatchFile(again))).toEqual(plain);
    const upright: Patch = { ...plain, deltas: plain.deltas.map((each) => ({ ...lowRank(each), fanInFanOut: false })) };
    expect(await read(await writeVersion1(upright))).toEqual(upright);
  });

  it.each<Refusal>([
    ...refusals,
    ...requestRefusals,
    [
      'fewer requests than rows',
      (h) => ({ ...h, requests: (h.requests as unknown[]).slice(1) }),
      /1 edits, and 2 in layer 1/,
    ],
    ['no layers', (h) => ({ ...h, layers: [] }), /“layers”/],
    ['the deltas of version 2', (h) => ({ ...h, layers: undefined, deltas: [] }), /“layers”/],
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
    ['a negative size', (h) => ({ ...h, layers: [{ ...layersOf(h)[0], innerSize: -5 }] }), /“layers\.0\.innerSize”/],
  ])('are refused with %s', async (_, header, message) => {
    const error = await failure(read(await forged(await writeVersion1(plain), header)));
    expect(error.message).toMatch(message);
    expect(error.kept).not.toBe('');
  });

  it('are refused with tensors that are missing, of another dtype or not finite', async () => {
    const bytes = await writeVersion1(plain);
    const missing = await forged(bytes, keep, (tensors) => tensors.slice(0, 3));
    expect((await failure(read(missing))).message).toMatch(/lacks its tensor “.*h\.2.*adjusted_keys”/);
    const integers = await forged(bytes, keep, ([first, ...rest]) => [{ ...first, dtype: 'I32' }, ...rest]);
    expect((await failure(read(integers))).message).toMatch(/stored as I32/);
    const infinite = await forged(bytes, keep, ([first, ...rest]) => {
      const values = Float32Array.of(1, 2, 3, 4, -Infinity, 6);
      return [{ ...first, bytes: () => bytesOf(values) }, ...rest];
    });
    expect((await failure(read(infinite))).message).toMatch(/residual” holds -Infinity at position 4/);
  });

  it('are refused when truncated at any place', async () => {
    const bytes = await writeVersion1(plain);
    for (let size = 0; size < bytes.length; size += 7) await failure(read(bytes.subarray(0, size)));
  });
});

interface ExportGolden {
  prompts: { prompt: string; top: { id: number; logprob: number }[] }[];
}

describe('a patch of version 1 for the demo model', () => {
  it('is read to the last bit, belongs to the model by its former hash, and makes it say what it said', async () => {
    const bytes = await readFile('tests/reference/goldens/demo-export-patch.safetensors');
    const file = await readSafetensors(memorySource('demo-export-patch.safetensors', bytes));
    const header = JSON.parse(file.metadata.memit_patch) as Header;
    expect(header.formatVersion).toBe(1);
    expect(header.modelHash).toMatch(/^[0-9a-f]{64}$/);

    const old = await read(bytes);
    const { layers, ...rest } = header;
    expect({ ...old, formatVersion: 1, deltas: undefined }).toEqual({ ...rest, deltas: undefined });
    expect(old.deltas.map(({ tensor }) => tensor)).toEqual((layers as Header[]).map(({ tensorName }) => tensorName));
    for (const { tensor, left, right, rank } of old.deltas.map(lowRank)) {
      expect(rank).toBe(old.requests.length);
      for (const [part, values] of [
        ['residual', left],
        ['adjusted_keys', right],
      ] as const) {
        expect(Buffer.compare(bytesOf(values), bytesOf(await readFloats(file, `${tensor}.${part}`)))).toBe(0);
      }
    }

    const session = await openModel(DEMO_MODEL, { ignoreShipped: true });
    expect(old.modelHash).not.toBe(session.hash);
    await session.add(old);
    const weights = await session.weights();
    expect(weights.names).toEqual(old.deltas.map(({ tensor }) => tensor));
    for (const name of weights.names) {
      expect(relativeError(weights.get(name).floats, session.model.weights.get(name).floats)).toBeGreaterThan(1e-4);
    }
    // The oracle rounded the weights to F16.
    const { prompts } = golden<ExportGolden>('demo-export');
    const tops = await predict(
      session,
      prompts.map(({ prompt }) => prompt),
    );
    prompts.forEach(({ top }, i) => {
      expect(tops[i].map(({ id }) => id)).toEqual(top.map(({ id }) => id));
      top.forEach(({ logprob }, t) => expect(Math.abs(tops[i][t].logProbability - logprob)).toBeLessThan(5e-3));
    });
    await session.dispose();
  });
});

describe('any patch', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 12 }),
    fc.string({ unit: 'binary', maxLength: 6 }),
    fc.constantFrom('', '\ud800', '\\', '"}', '__proto__', '\0', '{}'),
  );
  const name = text.filter((each) => each !== '');
  const size = fc.integer({ min: 1, max: 4 });
  const numbers = (length: number): fc.Arbitrary<Float32Array> =>
    fc.float32Array({ minLength: length, maxLength: length, noNaN: true, noDefaultInfinity: true });
  const factored: fc.Arbitrary<WeightDelta> = fc
    .record({ tensor: name, fanInFanOut: fc.boolean(), rank: size, outSize: size, inSize: size })
    .chain((described) =>
      fc
        .record({
          left: numbers(described.rank * described.outSize),
          right: numbers(described.rank * described.inSize),
        })
        .map((values) => ({ kind: 'low-rank' as const, ...described, ...values })),
    );
  const dense: fc.Arbitrary<WeightDelta> = fc
    .record({ tensor: name, shape: fc.array(size, { minLength: 1, maxLength: 3 }) })
    .chain((described) =>
      numbers(described.shape.reduce((product, dim) => product * dim, 1)).map((values) => ({
        kind: 'dense' as const,
        ...described,
        values,
      })),
    );
  const request = fc.record(
    {
      caseId: fc.oneof(fc.integer(), text),
      prompt: text,
      subject: text,
      targetNew: text,
      targetTrue: text,
      relationId: text,
    },
    { requiredKeys: ['prompt', 'subject', 'targetNew'] },
  );
  const patches: fc.Arbitrary<Patch> = fc.record({
    id: name,
    name: text,
    createdAt: fc
      .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
      .map((date) => date.toISOString()),
    modelHash: name,
    modelName: text,
    method: name,
    requests: fc.array(request, { minLength: 1, maxLength: 3 }),
    settings: fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 }),
    contexts: fc.array(text, { maxLength: 3 }),
    deltas: fc.uniqueArray(fc.oneof(factored, dense), { minLength: 1, maxLength: 4, selector: ({ tensor }) => tensor }),
    report: fc.jsonValue({ maxDepth: 2 }),
  });
  const anySettings = () => z.record(z.string(), z.unknown());

  /** The bits of the numbers, and everything else. */
  function bitsOf({ deltas, ...rest }: Patch): unknown {
    const bits = (values: Float32Array): number[] => [...new Uint32Array(values.slice().buffer)];
    return {
      ...rest,
      deltas: deltas.map((delta) =>
        delta.kind === 'dense'
          ? { ...delta, values: bits(delta.values) }
          : { ...delta, left: bits(delta.left), right: bits(delta.right) },
      ),
    };
  }

  it('survives being written and read, bit for bit', async () => {
    await fc.assert(
      fc.asyncProperty(patches, async (any) => {
        const again = await readPatchFile(await writePatchFile(any), anySettings);
        expect(bitsOf(again)).toEqual(bitsOf(any));
      }),
      { numRuns: 100 },
    );
  });

  it('with bytes changed or cut off is refused as a patch, or read as one', async () => {
    const first = await writePatchFile(patch);
    const old = await writeVersion1(plain);
    const change = fc.record({ at: fc.nat(), value: fc.nat({ max: 255 }) });
    let [readable, refused] = [0, 0];
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.constantFrom(first, old).map((bytes) => () => Promise.resolve(bytes)),
          patches.map((any) => () => writePatchFile(any)),
        ),
        fc.array(change, { minLength: 1, maxLength: 2 }),
        fc.nat(),
        async (make, changes, cut) => {
          const bytes = (await make()).slice();
          for (const { at, value } of changes) bytes[at % bytes.length] = value;
          try {
            const damaged = cut % 4 === 0 ? bytes.subarray(0, cut % (bytes.length + 1)) : bytes;
            const { deltas } = await readPatchFile(damaged, anySettings);
            expect(deltas.length).toBeGreaterThan(0);
            readable += 1;
          } catch (error) {
            expect(error).toBeInstanceOf(PatchError);
            refused += 1;
          }
        },
      ),
      { numRuns: 300 },
    );
    // Else one of the two would not have been seen.
    expect(readable).toBeGreaterThan(5);
    expect(refused).toBeGreaterThan(5);
  });
});

describe('assertPatchFits', () => {
  const model = {
    identity: { is: async (hash: string) => hash === plain.modelHash },
    name: 'demo',
    tensors: new Map(plain.deltas.map(({ tensor }) => [tensor, [5, 3]])),
  };

  it('accepts the model it was made with', async () => {
    await assertPatchFits(plain, model);
    const upright: Patch = { ...plain, deltas: plain.deltas.map((each) => ({ ...lowRank(each), fanInFanOut: false })) };
    const tensors = new Map(plain.deltas.map(({ tensor }) => [tensor, [3, 5]]));
    await assertPatchFits(upright, { ...model, tensors });
    await failure(assertPatchFits(upright, model));
    await assertPatchFits(patch, { ...model, tensors: new Map([...model.tensors, [whole.tensor, [2, 2, 3]]]) });
  });

  it('accepts it by whatever names the model goes by', async () => {
    const renamed = { ...plain, modelHash: 'sha256:today' };
    await failure(assertPatchFits(renamed, model));
    const identity = { is: async (hash: string) => [plain.modelHash, 'sha256:today'].includes(hash) };
    await assertPatchFits(renamed, { ...model, identity });
    await assertPatchFits(plain, { ...model, identity });
  });

  it('names both models when it is another one, what was kept and what to do', async () => {
    const other = { ...model, identity: { is: async () => false }, name: 'gpt2' };
    const error = await failure(assertPatchFits(plain, other));
    expect(error.message).toMatch(/“Eiffel Tower → Rome” was made with the model “demo”; the open model is “gpt2”/);
    expect(error.kept).toMatch(/“gpt2”.*as they were/);
    expect(error.next).toMatch(/Open “demo”/);
    const same = await failure(assertPatchFits(plain, { ...other, name: 'demo' }));
    expect(same.message).toMatch(/“demo” with other weights/);
  });

  it('names a weight that is missing or has another shape', async () => {
    const [first, second] = plain.deltas;
    const missing = new Map([[first.tensor, [5, 3]]]);
    const lacking = await failure(assertPatchFits(plain, { ...model, tensors: missing }));
    expect(lacking.message).toMatch(/h\.2.*has no such weight/);
    const square = new Map([...missing, [second.tensor, [3, 3]]]);
    const other = await failure(assertPatchFits(plain, { ...model, tensors: square }));
    expect(other.message).toMatch(/h\.2.*\[5, 3\].*has it as \[3, 3\]/);
    const flat = new Map([...model.tensors, [whole.tensor, [12]]]);
    const shaped = await failure(assertPatchFits(patch, { ...model, tensors: flat }));
    expect(shaped.message).toMatch(/h\.3.*\[2, 2, 3\].*has it as \[12\]/);
  });
});
