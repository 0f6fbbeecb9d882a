/** Memory of the GPU that is used again. */
import { expect, it } from 'vitest';
import { readFloats } from '../../src/engine/runtime/device.ts';
import { gpuSuite } from './suite.ts';

const suite = gpuSuite();
/** 1 MiB and more is used again. */
const DIMS = [600, 500];

it('gives a tensor the memory of one that was disposed, and zeros are zeros all the same', async () => {
  const { device } = suite;
  // As long as one tensor lives, memory is kept.
  suite.track(device.zeros([1]));
  const first = device.allocate(DIMS);
  const { buffer } = first;
  first.dispose();
  const second = suite.track(device.zeros(DIMS));
  expect(second.buffer).toBe(buffer);
  expect((await readFloats(device, second)).every((value) => value === 0)).toBe(true);
});

it('does not mix up what is queued with what comes after it', async () => {
  const { device, linalg } = suite;
  const values = Float32Array.from({ length: 300_000 }, (_, i) => i % 1000);
  const a = suite.track(device.upload(values, DIMS));
  const sums = [];
  for (let round = 1; round <= 4; round += 1) {
    // Its memory is the next one's before the device has read it.
    const passing = device.upload(
      values.map((value) => round * value),
      DIMS,
    );
    const sum = linalg.addScaled(a, 1, passing, 1);
    sums.push(sum.then((tensor) => suite.track(tensor)));
    await sum;
    passing.dispose();
  }
  for (const [i, sum] of (await Promise.all(sums)).entries()) {
    const found = await readFloats(device, sum);
    expect(found.findIndex((value, at) => value !== (i + 2) * values[at])).toBe(-1);
  }
});

it('frees what it kept when nothing is left', () => {
  const { device } = suite;
  const first = device.allocate(DIMS);
  const { buffer } = first;
  first.dispose();
  expect(device.liveBuffers).toBe(0);
  expect(suite.track(device.allocate(DIMS)).buffer).not.toBe(buffer);
});
