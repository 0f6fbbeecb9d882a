/** The patch stack: what each change does and undoes, and the weights of what is switched on. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModelError, PatchError } from '../../../src/engine/errors.ts';
import { projectionOf } from '../../../src/engine/families/family.ts';
import { applyPatches } from '../../../src/engine/patches/apply.ts';
import type { Patch } from '../../../src/engine/patches/patch.ts';
import { PatchStack } from '../../../src/engine/patches/patch-stack.ts';
import { predict } from '../../../src/engine/session/asking.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';
import { relativeError } from '../compare.ts';
import { lowRank, openModel, TINY_MODEL } from '../support.ts';
import { randomFloats } from '../weights/support.ts';

let bench: ModelSession;

beforeAll(async () => {
  bench = await openModel(TINY_MODEL);
});

afterAll(() => bench.dispose());

/** Name of a layer's edited weight. */
function weightOf(layer: number): string {
  return projectionOf(bench.model.family, layer, 'mlp-output').tensor;
}

/** A patch of two edits with random factors. */
function randomPatch(id: string, layers: readonly number[], seed: number): Patch {
  const { hiddenSize, intermediateSize } = bench.model.config;
  return {
    id,
    name: `Patch ${id}`,
    createdAt: '2024-01-01T00:00:00Z',
    modelHash: bench.hash,
    modelName: bench.name,
    method: 'memit',
    requests: [1, 2].map((n) => ({ prompt: '{} is', subject: `Subject ${n}`, targetNew: 'on' })),
    settings: { ...bench.preset('memit').settings, layers: [...layers] },
    contexts: ['{}'],
    deltas: layers.map((layer) => ({
      kind: 'low-rank',
      tensor: weightOf(layer),
      fanInFanOut: true,
      rank: 2,
      outSize: hiddenSize,
      inSize: intermediateSize,
      left: randomFloats(2 * hiddenSize, seed + layer),
      right: randomFloats(2 * intermediateSize, seed + 100 + layer),
    })),
    report: null,
  };
}

/** W + Σ patches Σ edits A[e] ⊗ R[e], stored [F, D], in double precision. */
function expectedWeight(layer: number, patches: readonly Patch[]): number[] {
  const name = weightOf(layer);
  const weight = Array.from(bench.model.weights.get(name).floats);
  for (const delta of patches.flatMap(({ deltas }) => deltas.filter(({ tensor }) => tensor === name))) {
    const { left, right, rank, outSize, inSize } = lowRank(delta);
    for (let e = 0; e < rank; e += 1)
      for (let f = 0; f < inSize; f += 1)
        for (let d = 0; d < outSize; d += 1) weight[f * outSize + d] += right[e * inSize + f] * left[e * outSize + d];
  }
  return weight;
}

describe('PatchStack', () => {
  it('adds patches at the end, switched on', () => {
    const stack = new PatchStack();
    const [a, b] = [randomPatch('a', [1], 1), randomPatch('b', [1], 2)];
    expect(stack.undoLabel).toBeNull();
    stack.push(a);
    stack.push(b);
    expect(stack.entries).toEqual([
      { patch: a, name: 'Patch a', enabled: true },
      { patch: b, name: 'Patch b', enabled: true },
    ]);
    expect(stack.enabled).toEqual([a, b]);
    expect(stack.undoLabel).toBe('add “Patch b”');
  });

  it('switches, renames and removes one patch, and takes each back in turn', () => {
    const [a, b] = [randomPatch('a', [1], 1), randomPatch('b', [1], 2)];
    const stack = new PatchStack([a, b].map((patch) => ({ patch, name: patch.name, enabled: true })));
    const start = stack.entries;
    expect(stack.undoLabel).toBeNull();

    stack.setEnabled('a', false);
    expect(stack.enabled).toEqual([b]);
    expect(stack.undoLabel).toBe('switch “Patch a” off');
    const switched = stack.entries;

    stack.rename('a', '  French  ');
    expect(stack.entry('a')).toEqual({ patch: a, name: 'French', enabled: false });
    expect(a.name).toBe('Patch a');
    const renamed = stack.entries;

    stack.remove('b');
    expect(stack.entries.map(({ patch }) => patch.id)).toEqual(['a']);
    expect(stack.undoLabel).toBe('delete “Patch b”');

    for (const entries of [renamed, switched, start]) {
      stack.undo();
      expect(stack.entries).toEqual(entries);
    }
    expect(stack.undoLabel).toBeNull();
    stack.undo();
    expect(stack.entries).toEqual(start);
  });

  it('refuses a patch it holds, a blank name and a patch it does not hold, and stays as it was', () => {
    const stack = new PatchStack();
    stack.push(randomPatch('a', [1], 1));
    const before = stack.entries;
    expect(() => stack.push(randomPatch('a', [2], 5))).toThrow(PatchError);
    expect(() => stack.rename('a', ' ')).toThrow(PatchError);
    for (const change of [
      () => stack.setEnabled('b', true),
      () => stack.rename('b', 'B'),
      () => stack.remove('b'),
      () => stack.entry('b'),
    ]) {
      expect(change).toThrow(PatchError);
    }
    expect(stack.entries).toBe(before);
    expect(stack.undoLabel).toBe('add “Patch a”');
  });
});

describe('applyPatches', () => {
  it('of no patch is the base, nothing copied', async () => {
    const weights = await applyPatches(bench.model, []);
    expect(weights.names).toEqual([]);
    for (const { name } of bench.tensors.tensors.filter((tensor) => tensor.name.includes('mlp.c_proj'))) {
      expect(weights.get(name)).toBe(bench.model.weights.get(name));
    }
  });

  it('adds every patch to its layers and leaves the others and the base alone', async () => {
    const patches = [randomPatch('a', [1, 2], 10), randomPatch('b', [2, 3], 20)];
    const names = [0, 1, 2, 3].map(weightOf);
    const base = names.map((name) => bench.model.weights.get(name).floats.slice());
    const weights = await applyPatches(bench.model, patches);
    expect(weights.names.sort()).toEqual(names.slice(1));
    expect(weights.get(names[0])).toBe(bench.model.weights.get(names[0]));
    for (const layer of [1, 2, 3]) {
      expect(relativeError(weights.get(names[layer]).floats, expectedWeight(layer, patches))).toBeLessThan(1e-6);
      expect(relativeError(weights.get(names[layer]).floats, base[layer])).toBeGreaterThan(1e-2);
    }
    names.forEach((name, layer) => expect(bench.model.weights.get(name).floats).toEqual(base[layer]));
    weights.dispose();
    expect(bench.model.weights.get(names[1]).disposed).toBe(false);
  });

  it('frees what it made when a patch names a weight the model lacks', async () => {
    const good = randomPatch('a', [1], 30);
    const bad = randomPatch('b', [2], 31);
    bad.deltas[0] = { ...bad.deltas[0], tensor: 'transformer.h.9.mlp.c_proj.weight' };
    await expect(applyPatches(bench.model, [good, bad])).rejects.toBeInstanceOf(ModelError);
    expect(bench.model.weights.get(good.deltas[0].tensor).disposed).toBe(false);
  });
});

describe('the weights of a session', () => {
  it('follow its stack, and come back bit for bit when everything is off', async () => {
    const prompts = ['The capital of', 'I'];
    const before = await predict(bench, prompts);
    const [a, b] = [randomPatch('a', [1, 2], 40), randomPatch('b', [2], 50)];
    bench.stack.push(a);
    bench.stack.push(b);
    const tensor = weightOf(2);
    expect(relativeError((await bench.weights()).get(tensor).floats, expectedWeight(2, [a, b]))).toBeLessThan(1e-6);
    expect(await bench.weights()).toBe(await bench.weights());
    expect(await predict(bench, prompts)).not.toEqual(before);

    bench.stack.setEnabled('a', false);
    expect(relativeError((await bench.weights()).get(tensor).floats, expectedWeight(2, [b]))).toBeLessThan(1e-6);
    bench.stack.setEnabled('b', false);
    expect((await bench.weights()).get(tensor)).toBe(bench.model.weights.get(tensor));
    expect(await predict(bench, prompts)).toEqual(before);

    bench.stack.undo();
    bench.stack.undo();
    const both = (await bench.weights()).get(tensor).floats.slice();
    expect(relativeError(both, expectedWeight(2, [a, b]))).toBeLessThan(1e-6);
    bench.stack.remove('a');
    bench.stack.remove('b');
    expect(await predict(bench, prompts)).toEqual(before);
  });

  it('restore from a saved stack, unless a patch in it belongs to another model', async () => {
    const mine = randomPatch('a', [1], 60);
    const entries = [{ patch: mine, name: 'Mine', enabled: false }];
    await bench.restore(entries);
    expect(bench.stack.entries).toEqual(entries);
    const foreign = { ...randomPatch('b', [1], 61), modelHash: 'f'.repeat(64), modelName: 'another' };
    const restored = bench.restore([{ patch: foreign, name: 'Foreign', enabled: true }]);
    await expect(restored).rejects.toBeInstanceOf(PatchError);
    expect(bench.stack.entries).toEqual(entries);
    expect((await bench.weights()).get(weightOf(1))).toBe(bench.model.weights.get(weightOf(1)));
  });
});
