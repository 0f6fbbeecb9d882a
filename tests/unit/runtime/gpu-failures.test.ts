/** What a GPU says of work that nobody waits for is told with the next numbers that are read, once; a failure to make something is not remembered. */
import { describe, expect, it } from 'vitest';
import { DeviceError } from '../../../src/engine/errors.ts';
import { remembered } from '../../../src/engine/remembered.ts';
import { GpuDevice } from '../../../src/engine/runtime/device.ts';

const MEBIBYTE = 2 ** 20;

interface Fake {
  gpu: GPUDevice;
  /** Says that work was refused which nobody had a scope around. */
  refuse: (message: string) => void;
}

/** A device of so much memory; its buffers hold zeros, whatever is done. */
function fakeGpu(memory: number): Fake {
  const listeners: ((event: { error: { message: string } }) => void)[] = [];
  const scopes: ({ message: string } | null)[] = [];
  let used = 0;
  const gpu = {
    features: new Set<string>(),
    limits: { maxBufferSize: 2 ** 31, maxStorageBufferBindingSize: 2 ** 31 },
    addEventListener: (_: string, listener: (event: { error: { message: string } }) => void) =>
      listeners.push(listener),
    pushErrorScope: () => scopes.push(null),
    popErrorScope: () => Promise.resolve(scopes.pop() ?? null),
    createBuffer: ({ size }: { size: number }) => {
      used += size;
      if (used > memory && scopes.length > 0) scopes[scopes.length - 1] = { message: 'out of memory' };
      return {
        size,
        destroy: () => {
          used -= size;
        },
        mapAsync: () => Promise.resolve(),
        getMappedRange: () => new ArrayBuffer(size),
      };
    },
    createCommandEncoder: () => ({ copyBufferToBuffer: () => undefined, finish: () => null }),
    queue: { submit: () => undefined, writeBuffer: () => undefined },
  };
  return {
    gpu: gpu as unknown as GPUDevice,
    refuse: (message) => {
      for (const listener of listeners) listener({ error: { message } });
    },
  };
}

describe('a GPU', () => {
  it('that has no memory left says for what and how much, and goes on when there is some', async () => {
    const device = new GpuDevice(fakeGpu(6 * MEBIBYTE).gpu);
    const small = device.allocate([4], 'float32', 'small');
    const first = device.allocate([MEBIBYTE], 'float32', 'weights');
    await device.read(small);
    const second = device.allocate([MEBIBYTE], 'float32', 'covariance 3');
    const error: unknown = await device.read(small).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DeviceError);
    expect(error).toMatchObject({
      code: 'device',
      message: 'The GPU has no 4 MiB left for “covariance 3”.',
      next: expect.stringMatching(/fewer edits.*backend=wasm/) as string,
    });
    expect(await device.read(small)).toHaveLength(4);
    for (const tensor of [first, second, small]) tensor.dispose();
    const again = device.allocate([MEBIBYTE], 'float32', 'weights');
    expect(await device.read(again)).toHaveLength(MEBIBYTE);
  });

  it('that refuses work which nobody watches over is heard', async () => {
    const { gpu, refuse } = fakeGpu(MEBIBYTE);
    const device = new GpuDevice(gpu);
    const tensor = device.allocate([4]);
    refuse('Buffer is destroyed');
    refuse('and what came of it');
    await expect(device.read(tensor)).rejects.toThrow('Buffer is destroyed');
    expect(await device.read(tensor)).toHaveLength(4);
  });
});

describe('what is made once', () => {
  it('is made again after a failure, and only then', async () => {
    const cache = new Map<string, Promise<number>>();
    let made = 0;
    const make = async (): Promise<number> => {
      made += 1;
      if (made === 1) throw new Error('not now');
      return made;
    };
    await expect(remembered(cache, 'a', make)).rejects.toThrow('not now');
    expect(await Promise.all([remembered(cache, 'a', make), remembered(cache, 'a', make)])).toEqual([2, 2]);
    expect(await remembered(cache, 'b', make)).toBe(3);
  });
});
