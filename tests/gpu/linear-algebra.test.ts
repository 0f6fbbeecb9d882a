/** The WGSL kernels against the double-precision path, over shapes off the tile sizes, on Dawn. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readShader } from '../../src/cli/backend.ts';
import { createDawnDevice } from '../../src/cli/dawn.ts';
import { seededRandom } from '../../src/engine/editing/random.ts';
import { NotPositiveDefiniteError } from '../../src/engine/errors.ts';
import { CpuLinearAlgebra } from '../../src/engine/linalg/cpu.ts';
import { WebGpuLinearAlgebra } from '../../src/engine/linalg/webgpu.ts';
import { CpuDevice, GpuDevice, readFloats } from '../../src/engine/runtime/device.ts';
import type { Tensor } from '../../src/engine/runtime/tensor.ts';

const cpuDevice = new CpuDevice();
const cpu = new CpuLinearAlgebra(cpuDevice);
let dawn: GPUDevice;
let gpuDevice: GpuDevice;
let gpu: WebGpuLinearAlgebra;

beforeAll(async () => {
  dawn = await createDawnDevice();
  gpuDevice = new GpuDevice(dawn);
  gpu = await WebGpuLinearAlgebra.create(gpuDevice, readShader);
});

afterAll(() => {
  dawn.destroy();
});

const random = seededRandom(11);

function draw(...dims: number[]): Float32Array {
  return Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => 2 * random() - 1);
}

/** The same values on both devices. */
function both(data: Float32Array | Int32Array, dims: number[]): [Tensor, Tensor] {
  return [cpuDevice.upload(data, dims), gpuDevice.upload(data, dims)];
}

async function expectClose(actual: Tensor, expected: Tensor, tolerance: number): Promise<void> {
  expect(actual.dims).toEqual(expected.dims);
  const values = await readFloats(gpuDevice, actual);
  let difference = 0;
  let norm = 0;
  expected.floats.forEach((value, i) => {
    difference += (values[i] - value) ** 2;
    norm += value ** 2;
  });
  expect(Math.sqrt(difference / norm)).toBeLessThan(tolerance);
}

/** XᵀX of more rows than columns, with columns scaled so that the condition number is about `condition`. */
function covariance(size: number, condition: number): Float32Array {
  const rows = 3 * size;
  const x = draw(rows, size).map((value, i) => value * Math.sqrt(condition) ** (-(i % size) / Math.max(1, size - 1)));
  const c = new Float32Array(size * size);
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j < size; j += 1) {
      let sum = 0;
      for (let r = 0; r < rows; r += 1) sum += x[r * size + i] * x[r * size + j];
      c[i * size + j] = sum / rows;
    }
  }
  return c;
}

const SHAPES = [
  [1, 1, 1],
  [3, 5, 7],
  [1, 129, 4],
  [65, 17, 31],
  [64, 64, 64],
  [33, 130, 63],
];

describe('matmul', () => {
  it.each(SHAPES)('%i × %i × %i, every orientation, with and without accumulation', async (m, k, n) => {
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        const [a, aGpu] = both(draw(m, k), transposeA ? [k, m] : [m, k]);
        const [b, bGpu] = both(draw(k, n), transposeB ? [n, k] : [k, n]);
        const [c, cGpu] = both(draw(m, n), [m, n]);
        const options = { transposeA, transposeB, alpha: -1.5 };
        await expectClose(await gpu.matmul(aGpu, bGpu, options), await cpu.matmul(a, b, options), 1e-5);
        await cpu.matmul(a, b, { ...options, accumulateInto: c });
        await gpu.matmul(aGpu, bGpu, { ...options, accumulateInto: cGpu });
        await expectClose(cGpu, c, 1e-5);
      }
    }
  });
});

describe('symmetric updates and factors', () => {
  it.each([1, 2, 31, 32, 33, 65, 97])('of size %i', async (size) => {
    const [c, cGpu] = both(covariance(size, 100), [size, size]);
    const [x, xGpu] = both(draw(size + 5, size), [size + 5, size]);
    await cpu.addGram(c, x);
    await gpu.addGram(cGpu, xGpu);
    await expectClose(cGpu, c, 1e-5);
    const l = await cpu.cholesky(c);
    const lGpu = await gpu.cholesky(cGpu);
    await expectClose(lGpu, l, 1e-5);
    const [b, bGpu] = both(draw(size, 9), [size, 9]);
    for (const transpose of [false, true]) {
      await expectClose(
        await gpu.solveTriangular(lGpu, bGpu, transpose),
        await cpu.solveTriangular(l, b, transpose),
        1e-4,
      );
    }
  });

  it('a matrix that is not positive definite is refused with its pivot', async () => {
    const size = 40;
    const values = covariance(size, 10);
    values[21 * size + 21] = -4;
    const [c, cGpu] = both(values, [size, size]);
    await expect(cpu.cholesky(c)).rejects.toThrow(NotPositiveDefiniteError);
    await expect(gpu.cholesky(cGpu)).rejects.toMatchObject({ name: 'NotPositiveDefiniteError', pivot: 21 });
  });
});

describe('solveRegularized', () => {
  it.each([
    { size: 64, edits: 1, condition: 1e3 },
    { size: 97, edits: 7, condition: 1e3 },
    { size: 97, edits: 33, condition: 1e5 },
  ])('of size $size, $edits edits, condition $condition', async ({ size, edits, condition }) => {
    const [c, cGpu] = both(covariance(size, condition), [size, size]);
    const [k, kGpu] = both(draw(edits, size), [edits, size]);
    const expected = await cpu.solveRegularized(c, 2, k);
    const actual = await gpu.solveRegularized(cGpu, 2, kGpu);
    expect(expected.relativeResidual).toBeLessThan(1e-10);
    expect(actual.relativeResidual).toBeLessThan(1e-5);
    await expectClose(actual.solution, expected.solution, 1e-4);
  });

  it('refuses covariances that are not positive definite', async () => {
    const values = covariance(20, 10);
    values[0] = -50;
    const [c, cGpu] = both(values, [20, 20]);
    const [k, kGpu] = both(draw(2, 20), [2, 20]);
    await expect(cpu.solveRegularized(c, 1, k)).rejects.toThrow(NotPositiveDefiniteError);
    await expect(gpu.solveRegularized(cGpu, 1, kGpu)).rejects.toThrow(NotPositiveDefiniteError);
  });
});

describe('losses', () => {
  it.each([
    [1, 2],
    [3, 257],
    [5, 1000],
  ])('of %i rows over %i tokens', async (rows, width) => {
    const [logits, logitsGpu] = both(
      draw(rows, width).map((value) => 20 * value),
      [rows, width],
    );
    const [other, otherGpu] = both(
      draw(rows, width).map((value) => 5 * value),
      [rows, width],
    );
    const [targets, targetsGpu] = both(
      Int32Array.from({ length: rows }, () => Math.floor(random() * width)),
      [rows],
    );
    const [weights, weightsGpu] = both(draw(rows), [rows]);
    const entropy = await cpu.crossEntropy(logits, targets, weights);
    const entropyGpu = await gpu.crossEntropy(logitsGpu, targetsGpu, weightsGpu);
    await expectClose(entropyGpu.loss, entropy.loss, 1e-5);
    await expectClose(entropyGpu.gradient, entropy.gradient, 1e-4);
    const reference = await cpu.logSoftmax(other);
    const referenceGpu = await gpu.logSoftmax(otherGpu);
    await expectClose(referenceGpu, reference, 1e-5);
    const kl = await cpu.klDivergence(logits, reference, weights);
    const klGpu = await gpu.klDivergence(logitsGpu, referenceGpu, weightsGpu);
    await expectClose(klGpu.loss, kl.loss, 1e-4);
    await expectClose(klGpu.gradient, kl.gradient, 1e-4);
  });
});

describe('rows and Adam', () => {
  it('gathers, and adds rows whose indices repeat', async () => {
    const [source, sourceGpu] = both(draw(6, 37), [6, 37]);
    const [index, indexGpu] = both(Int32Array.of(5, 0, 5, 2), [4]);
    const rows = await cpu.gatherRows(source, index);
    const rowsGpu = await gpu.gatherRows(sourceGpu, indexGpu);
    await expectClose(rowsGpu, rows, 1e-7);
    await cpu.scatterAddRows(source, index, rows, 0.5);
    await gpu.scatterAddRows(sourceGpu, indexGpu, rowsGpu, 0.5);
    await expectClose(sourceGpu, source, 1e-6);
    await expectClose(await gpu.rowNorms(sourceGpu), await cpu.rowNorms(source), 1e-6);
    await expectClose(
      await gpu.addScaled(sourceGpu, 2, sourceGpu, -0.5),
      await cpu.addScaled(source, 2, source, -0.5),
      1e-6,
    );
    expect(Math.abs((await gpu.norm(sourceGpu)) / (await cpu.norm(source)) - 1)).toBeLessThan(1e-6);
  });

  it('takes the same ten steps, from δ = 0 into the projection', async () => {
    const [edits, width] = [3, 67];
    const zeros = new Float32Array(edits * width);
    const states = [cpuDevice, gpuDevice].map((device) => ({
      delta: device.upload(zeros, [edits, width]),
      firstMoment: device.upload(zeros, [edits, width]),
      secondMoment: device.upload(zeros, [edits, width]),
    }));
    const [decay, decayGpu] = both(Float32Array.of(0.1, 0.01, 0), [edits]);
    const [maxNorm, maxNormGpu] = both(Float32Array.of(1, 5, 1000), [edits]);
    for (let step = 1; step <= 10; step += 1) {
      const [gradient, gradientGpu] = both(draw(edits, width), [edits, width]);
      await cpu.adamStep(states[0], gradient, { step, learningRate: 0.5, decay, maxNorm });
      await gpu.adamStep(states[1], gradientGpu, { step, learningRate: 0.5, decay: decayGpu, maxNorm: maxNormGpu });
      await expectClose(states[1].delta, states[0].delta, 1e-4);
    }
  });
});

it('leaves no buffer behind', async () => {
  const before = gpuDevice.liveBuffers;
  const c = gpuDevice.upload(covariance(33, 10), [33, 33]);
  const k = gpuDevice.upload(draw(4, 33), [4, 33]);
  const { solution } = await gpu.solveRegularized(c, 2, k);
  const product = await gpu.matmul(k, c);
  for (const tensor of [c, k, solution, product]) tensor.dispose();
  expect(gpuDevice.liveBuffers).toBe(before);
});
