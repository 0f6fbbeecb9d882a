/** Deltas of weights, as factors and whole: when each is made, and that both do the same on a stack, in files and in exports. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { projectionOf } from '../../../src/engine/families/family.ts';
import { settingsSchemas } from '../../../src/engine/methods/registry.ts';
import { applyPatches, deltaMatrix } from '../../../src/engine/patches/apply.ts';
import { readPatchFile, writePatchFile } from '../../../src/engine/patches/patch-file.ts';
import type { Patch } from '../../../src/engine/patches/patch.ts';
import { isSmallerDense, weightShape, type LowRankDelta } from '../../../src/engine/patches/weight-delta.ts';
import { comparePatch, predict } from '../../../src/engine/session/asking.ts';
import { runEdit } from '../../../src/engine/session/editing.ts';
import { exportModel, exportPatch } from '../../../src/engine/session/export.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';
import type { EditRequest } from '../../../src/engine/tokens/request.ts';
import { memorySource } from '../../../src/engine/weights/byte-source.ts';
import { collect } from '../../../src/engine/weights/safetensors-writer.ts';
import { readFloats, readSafetensors } from '../../../src/engine/weights/safetensors.ts';
import { lowRank } from '../support.ts';
import { openTiny } from '../tiny.ts';
import { randomFloats } from '../weights/support.ts';

describe('isSmallerDense', () => {
  it('is so from the first rank whose factors hold more numbers than the weight', () => {
    // 32 · 128 / (32 + 128) = 25.6
    expect([1, 25, 26, 1000].map((rank) => isSmallerDense(rank, 32, 128))).toEqual([false, false, true, true]);
    expect([25, 26].map((rank) => isSmallerDense(rank, 128, 32))).toEqual([false, true]);
    // 6 · 3 / (6 + 3) = 2: as many numbers either way.
    expect([1, 2, 3].map((rank) => isSmallerDense(rank, 6, 3))).toEqual([false, false, true]);
    // GPT-2 xl and GPT-J: thousands of edits stay factors.
    expect([1280, 1281].map((rank) => isSmallerDense(rank, 1600, 6400))).toEqual([false, true]);
    expect([3276, 3277].map((rank) => isSmallerDense(rank, 4096, 16_384))).toEqual([false, true]);
  });
});

describe('weightShape', () => {
  it('is that of the weight as it is stored', () => {
    const factors = { kind: 'low-rank', tensor: 'w', rank: 1, outSize: 2, inSize: 3 } as const;
    const numbers = { left: new Float32Array(2), right: new Float32Array(3) };
    expect(weightShape({ ...factors, ...numbers, fanInFanOut: false })).toEqual([2, 3]);
    expect(weightShape({ ...factors, ...numbers, fanInFanOut: true })).toEqual([3, 2]);
    expect(weightShape({ kind: 'dense', tensor: 'w', shape: [2, 2], values: new Float32Array(4) })).toEqual([2, 2]);
  });
});

const LAYERS = [1, 2];
const CONTEXTS = ['{}', 'The lake. {}'];
const prompts = ['The capital of the land is', 'Another'];
const SUBJECTS = (
  'the land,the lake,Clark,Anna,the town,Norway,an orange,the river,water,Rome,the north,a stone,the wind,' +
  'the sea,Peter,the king,a bird,the road,Paris,the old man,the house,Maria,the moon,a ship,the tower,the forest'
).split(',');

function requestsOf(count: number): EditRequest[] {
  return SUBJECTS.slice(0, count).map((subject, i) => ({
    prompt: i % 2 === 0 ? 'The capital of {} is' : '{} is in',
    subject,
    targetNew: ['on', 'a town', 'the'][i % 3],
  }));
}

let session: ModelSession;
let few: Patch;
/** One edit more than factors are worth: 26 (32 + 128) > 32 · 128. */
let many: Patch;
/** The same patch as the factors of which its run made the updates. */
let asFactors: Patch;

function run(count: number, { unedited = false } = {}): Promise<Patch> {
  const settings = { ...session.preset('memit').settings, layers: LAYERS, steps: 2, covarianceWeight: 10 };
  return runEdit(session, requestsOf(count), settings, { contexts: CONTEXTS, unedited });
}

beforeAll(async () => {
  session = await openTiny();
  few = await run(25);
  const { linalg } = session.model;
  const factors: Pick<LowRankDelta, 'left' | 'right'>[] = [];
  const solutions = new Set<unknown>();
  const solve = linalg.solveRegularized.bind(linalg);
  const matmul = linalg.matmul.bind(linalg);
  vi.spyOn(linalg, 'solveRegularized').mockImplementation(async (...given) => {
    const solved = await solve(...given);
    solutions.add(solved.solution);
    return solved;
  });
  vi.spyOn(linalg, 'matmul').mockImplementation((a, b, options) => {
    if (solutions.has(a)) factors.push({ left: b.floats.slice(), right: a.floats.slice() });
    return matmul(a, b, options);
  });
  many = await run(26);
  vi.restoreAllMocks();
  expect(factors).toHaveLength(LAYERS.length);
  const { hiddenSize, intermediateSize } = session.model.config;
  asFactors = {
    ...many,
    id: 'factors',
    deltas: many.deltas.map(({ tensor }, i) => ({
      kind: 'low-rank',
      tensor,
      fanInFanOut: true,
      rank: 26,
      outSize: hiddenSize,
      inSize: intermediateSize,
      ...factors[i],
    })),
  };
});

afterAll(() => session.dispose());

function weightOf(layer: number): string {
  return projectionOf(session.model.family, layer, 'mlp-output').tensor;
}

/** The weights of the session's stack, of the layers that are edited. */
async function weights(bench = session): Promise<Float32Array[]> {
  const current = await bench.weights();
  return LAYERS.map((layer) => current.get(weightOf(layer)).floats.slice());
}

/** The weights of patches laid over the base. */
async function applied(patches: readonly Patch[]): Promise<Float32Array[]> {
  const edited = await applyPatches(session.model, patches);
  try {
    return LAYERS.map((layer) => edited.get(weightOf(layer)).floats.slice());
  } finally {
    edited.dispose();
  }
}

describe('a run of MEMIT', () => {
  it('leaves factors up to the edits that they are worth, and whole changes beyond', () => {
    expect(few.deltas.map(({ kind, tensor }) => [kind, tensor])).toEqual(LAYERS.map((i) => ['low-rank', weightOf(i)]));
    expect(few.deltas.map((delta) => lowRank(delta).rank)).toEqual([25, 25]);
    expect(many.deltas.map(({ kind, tensor }) => [kind, tensor])).toEqual(LAYERS.map((i) => ['dense', weightOf(i)]));
    for (const delta of many.deltas) {
      expect(weightShape(delta)).toEqual(session.model.weights.get(delta.tensor).dims);
      expect(() => lowRank(delta)).toThrow(/dense/);
    }
  });

  it('changes the weights by its whole changes as by its factors, bit for bit', async () => {
    for (const [i, delta] of many.deltas.entries()) {
      const matrix = await deltaMatrix(session.model.linalg, asFactors.deltas[i]);
      const values = delta.kind === 'dense' ? delta.values : null;
      expect(matrix.floats).toEqual(values);
      expect(Math.hypot(...matrix.floats)).toBeGreaterThan(1e-3);
    }
    const expected = await applied([asFactors]);
    expect(await applied([many])).toEqual(expected);
    session.stack.push(many);
    const edited = await weights();
    expect(edited).toEqual(expected);
    for (const [i, delta] of many.deltas.entries()) {
      if (delta.kind !== 'dense') throw new Error('The run left factors.');
      const base = session.model.weights.get(delta.tensor).floats;
      expect(edited[i]).toEqual(base.map((value, at) => Math.fround(value + delta.values[at])));
    }
    session.stack.remove(many.id);
  });
});

describe('a stack of both kinds', () => {
  it('adds them in its order, and is the base bit for bit when everything is off', async () => {
    const before = await predict(session, prompts);
    const bits = await weights();
    const restored = async (): Promise<void> => {
      expect(await weights()).toEqual(bits);
      expect(await predict(session, prompts)).toEqual(before);
    };
    session.stack.push(few);
    session.stack.push(many);
    expect(await weights()).toEqual(await applied([few, asFactors]));
    expect(await weights()).not.toEqual(await applied([few]));
    expect(await predict(session, prompts)).not.toEqual(before);
    session.stack.setEnabled(few.id, false);
    expect(await weights()).toEqual(await applied([asFactors]));
    session.stack.setEnabled(many.id, false);
    await restored();
    session.stack.setEnabled(few.id, true);
    expect(await weights()).toEqual(await applied([few]));
    session.stack.undo();
    session.stack.undo();
    session.stack.undo();
    expect(await weights()).toEqual(await applied([few, asFactors]));
    session.stack.remove(few.id);
    session.stack.remove(many.id);
    await restored();
  });

  it('is what further edits start from, and each patch in it can be asked about', async () => {
    const alone = await run(2);
    session.stack.push(many);
    const next = await run(2);
    expect(next.deltas.map(({ kind }) => kind)).toEqual(['low-rank', 'low-rank']);
    expect(next.deltas).not.toEqual(alone.deltas);
    expect((await run(2, { unedited: true })).deltas).toEqual(alone.deltas);
    session.stack.push(next);
    expect((await comparePatch(session, many.id)).edits).toHaveLength(26);
    session.stack.remove(next.id);
    session.stack.remove(many.id);
  });

  it('comes back from saved entries', async () => {
    const other = await openTiny();
    const saved = await Promise.all(
      [many, few].map(async (patch) => readPatchFile(await writePatchFile(patch), settingsSchemas())),
    );
    expect(saved).toEqual([many, few]);
    await other.restore(saved.map((patch, i) => ({ patch, name: patch.name, enabled: i === 0 })));
    expect(await weights(other)).toEqual(await applied([asFactors]));
    other.stack.setEnabled(few.id, true);
    expect(await weights(other)).toEqual(await applied([asFactors, few]));
    await other.dispose();
  });

  it('is exported as any other: the whole model, what changed, and the patch', async () => {
    session.stack.push(few);
    session.stack.push(many);
    session.stack.rename(many.id, 'Many');
    const edited = await weights();
    const whole = await collect((await exportModel(session, 'safetensors', { dtype: 'F32' })).parts);
    const changed = await collect((await exportModel(session, 'changed-tensors', { dtype: 'F32' })).parts);
    for (const bytes of [whole, changed]) {
      const file = await readSafetensors(memorySource('exported.safetensors', bytes));
      for (const [i, layer] of LAYERS.entries()) expect(await readFloats(file, weightOf(layer))).toEqual(edited[i]);
    }
    const { parts } = await exportPatch(session, 'patch', many.id, {});
    expect(await readPatchFile(await collect(parts), settingsSchemas())).toEqual({ ...many, name: 'Many' });
    session.stack.remove(few.id);
    session.stack.remove(many.id);
  });
});

describe('a whole change of any weight', () => {
  it('is added as it is, to vectors too, and leaves the base alone', async () => {
    const names = ['transformer.h.1.mlp.c_proj.bias', 'transformer.h.2.attn.c_attn.weight'];
    const base = names.map((name) => session.model.weights.get(name).floats.slice());
    const deltas = names.map((tensor, i) => ({
      kind: 'dense' as const,
      tensor,
      shape: session.model.weights.get(tensor).dims,
      values: randomFloats(base[i].length, i + 1),
    }));
    const patch: Patch = { ...few, id: 'any', deltas };
    await session.add(patch);
    const edited = await session.weights();
    expect(edited.names.sort()).toEqual([...names].sort());
    for (const [i, { tensor, values }] of deltas.entries()) {
      expect(edited.get(tensor).floats).toEqual(base[i].map((value, at) => Math.fround(value + values[at])));
      expect(session.model.weights.get(tensor).floats).toEqual(base[i]);
    }
    session.stack.remove(patch.id);
  });
});
