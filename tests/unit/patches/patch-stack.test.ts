/** The patch stack: what each change does and undoes, and the weights of what is switched on. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Patch } from '../../../src/engine/patches/patch.ts';
import { applyPatches, PatchStack } from '../../../src/engine/patches/patch-stack.ts';
import { ModelError, PatchError } from '../../../src/engine/errors.ts';
import type { Workbench } from '../../../src/engine/session/workbench.ts';
import { relativeError } from '../compare.ts';
import { openModel, TINY_MODEL } from '../support.ts';
import { randomFloats } from '../weights/support.ts';

let bench: Workbench;

beforeAll(async () => {
  bench = await openModel(TINY_MODEL);
});

afterAll(() => bench.dispose());

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
    settings: { ...bench.preset.settings, layers: [...layers] },
    contexts: ['{}'],
    layers: layers.map((layer) => ({
      layer,
      tensorName: bench.model.family.editable(layer).tensor,
      residual: randomFloats(2 * hiddenSize, seed + layer),
      adjustedKeys: randomFloats(2 * intermediateSize, seed + 100 + layer),
      editCount: 2,
      hiddenSize,
      intermediateSize,
      transposed: true,
    })),
    report: null,
  };
}

/** W + Σ patches Σ edits A[e] ⊗ R[e], stored [F, D], in double precision. */
function expectedWeight(layer: number, patches: readonly Patch[]): number[] {
  const weight = Array.from(bench.model.weights.get(bench.model.family.editable(layer).tensor).floats);
  for (const update of patches.flatMap(({ layers }) => layers.filter((each) => each.layer === layer))) {
    const { residual, adjustedKeys, editCount, hiddenSize, intermediateSize } = update;
    for (let e = 0; e < editCount; e += 1)
      for (let f = 0; f < intermediateSize; f += 1)
        for (let d = 0; d < hiddenSize; d += 1)
          weight[f * hiddenSize + d] += adjustedKeys[e * intermediateSize + f] * residual[e * hiddenSize + d];
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
    for (const { name } of bench.file.tensors.filter((tensor) => tensor.name.includes('mlp.c_proj'))) {
      expect(weights.get(name)).toBe(bench.model.weights.get(name));
    }
  });

  it('adds every patch to its layers and leaves the others and the base alone', async () => {
    const patches = [randomPatch('a', [1, 2], 10), randomPatch('b', [2, 3], 20)];
    const names = [0, 1, 2, 3].map((layer) => bench.model.family.editable(layer).tensor);
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
    bad.layers[0].tensorName = 'transformer.h.9.mlp.c_proj.weight';
    await expect(applyPatches(bench.model, [good, bad])).rejects.toBeInstanceOf(ModelError);
    expect(bench.model.weights.get(good.layers[0].tensorName).disposed).toBe(false);
  });
});

describe('the weights of a workbench', () => {
  it('follow its stack, and come back bit for bit when everything is off', async () => {
    const prompts = ['The capital of', 'I'];
    const before = await bench.predict(prompts);
    const [a, b] = [randomPatch('a', [1, 2], 40), randomPatch('b', [2], 50)];
    bench.stack.push(a);
    bench.stack.push(b);
    const { tensor } = bench.model.family.editable(2);
    expect(relativeError((await bench.weights()).get(tensor).floats, expectedWeight(2, [a, b]))).toBeLessThan(1e-6);
    expect(await bench.weights()).toBe(await bench.weights());
    expect(await bench.predict(prompts)).not.toEqual(before);

    bench.stack.setEnabled('a', false);
    expect(relativeError((await bench.weights()).get(tensor).floats, expectedWeight(2, [b]))).toBeLessThan(1e-6);
    bench.stack.setEnabled('b', false);
    expect((await bench.weights()).get(tensor)).toBe(bench.model.weights.get(tensor));
    expect(await bench.predict(prompts)).toEqual(before);

    bench.stack.undo();
    bench.stack.undo();
    const both = (await bench.weights()).get(tensor).floats.slice();
    expect(relativeError(both, expectedWeight(2, [a, b]))).toBeLessThan(1e-6);
    bench.stack.remove('a');
    bench.stack.remove('b');
    expect(await bench.predict(prompts)).toEqual(before);
  });

  it('restore from a saved stack, unless a patch in it belongs to another model', async () => {
    const mine = randomPatch('a', [1], 60);
    const entries = [{ patch: mine, name: 'Mine', enabled: false }];
    bench.restore(entries);
    expect(bench.stack.entries).toEqual(entries);
    const foreign = { ...randomPatch('b', [1], 61), modelHash: 'f'.repeat(64), modelName: 'another' };
    expect(() => bench.restore([{ patch: foreign, name: 'Foreign', enabled: true }])).toThrow(PatchError);
    expect(bench.stack.entries).toEqual(entries);
    expect((await bench.weights()).get(mine.layers[0].tensorName)).toBe(
      bench.model.weights.get(mine.layers[0].tensorName),
    );
  });
});
