/**
 * The two-float arithmetic of shaders/residual.wgsl against exact sums in big integers, and what happens on a GPU that does
 * not keep it: the check at the start finds out, and the solves are as good as before.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { readShader } from '../../src/cli/backend.ts';
import { dispatch, KernelRunner } from '../../src/engine/linalg/webgpu/kernel-runner.ts';
import * as kernels from '../../src/engine/linalg/webgpu/kernels.ts';
import { keepsTwoFloatArithmetic } from '../../src/engine/linalg/webgpu/two-float-check.ts';
import { WebGpuLinearAlgebra } from '../../src/engine/linalg/webgpu.ts';
import { seededRandom } from '../../src/engine/random.ts';
import { readFloats } from '../../src/engine/runtime/device.ts';
import { conditioned, gaussian, product, regularizedSolution } from '../unit/linalg/plain.ts';
import { expectBelow, relativeError } from '../unit/compare.ts';
import { gpuSuite } from './suite.ts';

const suite = gpuSuite();

/** The float times 2¹⁴⁹, which is an integer for every finite float32. */
function exactly(value: number): bigint {
  const [bits] = new Uint32Array(Float32Array.of(value).buffer);
  const exponent = (bits >>> 23) & 0xff;
  expect(exponent, `${value} is finite`).toBeLessThan(0xff);
  const fraction = BigInt(bits & 0x7fffff);
  const magnitude = exponent === 0 ? fraction : (fraction | 0x800000n) << BigInt(exponent - 1);
  return bits >>> 31 ? -magnitude : magnitude;
}

function absolute(value: bigint): bigint {
  return value < 0n ? -value : value;
}

type Pair = readonly [number, number];

interface Primitives {
  readonly pair: Pair;
  readonly sum: number;
  readonly error: number;
  readonly high: number;
  readonly low: number;
  readonly product: number;
  readonly tail: number;
}

/** What the shader's primitives make of each pair. */
async function primitivesOf(pairs: readonly Pair[]): Promise<Primitives[]> {
  const size = pairs.length;
  const operands = suite.track(suite.device.upload(Float32Array.from(pairs.flat()), [size, 2]));
  const results = suite.track(suite.device.allocate([size, 6]));
  await new KernelRunner(suite.device, readShader).run(
    [
      dispatch({
        kernel: kernels.checkPrimitives,
        values: { zero: 0, size, count: 1 },
        tensors: [operands, results],
        workgroups: Math.ceil(size / kernels.THREADS),
      }),
    ],
    'primitives',
  );
  const values = await readFloats(suite.device, results);
  return pairs.map(([a, b], i) => {
    const [sum, error, high, low, product, tail] = values.subarray(6 * i, 6 * i + 6);
    return { pair: [Math.fround(a), Math.fround(b)], sum, error, high, low, product, tail };
  });
}

/** Floats of both signs with all bits in use, their exponents within ±`spread` of 0. */
function floats(seed: number, spread: number): (count: number) => number[] {
  const uniform = seededRandom(seed);
  return (count) =>
    Array.from({ length: count }, () => {
      const sign = uniform() < 0.5 ? -1 : 1;
      return Math.fround(sign * (1 + uniform()) * 2 ** Math.round((2 * uniform() - 1) * spread));
    });
}

const COUNT = 2000;
const paired = (left: number[], right: number[]): Pair[] => left.map((a, i) => [a, right[i]]);
const pairsOf: [string, () => Pair[]][] = [
  ['of one magnitude', () => paired(floats(1, 1)(COUNT), floats(2, 1)(COUNT))],
  ['up to 2⁵⁰ apart', () => paired(floats(3, 25)(COUNT), floats(4, 25)(COUNT))],
  [
    'that all but cancel',
    () => {
      const left = floats(5, 10)(COUNT);
      const offsets = floats(6, 3)(COUNT);
      return left.map((a, i) => [a, Math.fround(-a * (1 + offsets[i] * 2 ** -20))]);
    },
  ],
  [
    'that round to even',
    () => {
      const whole = floats(7, 0)(COUNT).map((value) => Math.round(value * 2 ** 22) * 2);
      return whole.map((a, i) => [a + (i % 2), i % 4 < 2 ? 0.5 : -0.5]);
    },
  ],
];

describe('the primitives', () => {
  it.each(pairsOf)('are right for numbers %s', async (_, pairs) => {
    const results = await primitivesOf(pairs());
    expect(results).toHaveLength(COUNT);
    for (const { pair, sum, error, high, low, product: rounded, tail } of results) {
      const [a, b] = pair.map(exactly);
      const what = `${pair[0]}, ${pair[1]}`;
      expect(exactly(sum) + exactly(error), `sum of ${what}`).toBe(a + b);
      expect(sum, `rounding of ${what}`).toBe(Math.fround(pair[0] + pair[1]));
      expect(exactly(high) + exactly(low), `halves of ${what}`).toBe(a);
      expect(absolute(exactly(low)) << 12n <= absolute(a), `lower half of ${what}`).toBe(true);
      // Products are integers times 2⁻²⁹⁸.
      const difference = absolute(((exactly(rounded) + exactly(tail)) << 149n) - a * b);
      expect(difference << 34n <= absolute(a * b), `product of ${what}`).toBe(true);
    }
    // Float32 alone would not do. (Numbers that all but cancel have an exact sum.)
    expect(results.filter(({ error, tail }) => error !== 0 || tail !== 0).length).toBeGreaterThan(COUNT / 2);
  });
});

describe('inner products', () => {
  // If the compiler simplified the error terms away, this would be no better than float32.
  it('keeps about 36 bits where float32 keeps 24', async () => {
    const [size, count] = [1000, 3];
    const sample = gaussian(71);
    const keys = sample(size * count).map((value) => 1000 * value);
    const high = sample(size * count);
    const low = sample(size * count).map((value, i) => value * high[i] * 2 ** -27);
    const pairs = Float32Array.from({ length: 2 * high.length }, (_, i) =>
      i % 2 === 0 ? high[i / 2] : low[(i - 1) / 2],
    );
    const track = (data: Float32Array, dims: number[]) => suite.track(suite.device.upload(data, dims));
    const left = track(keys, [size, count]);
    const result = suite.track(suite.device.allocate([count, count, 2]));
    await new KernelRunner(suite.device, readShader).run(
      [
        dispatch({
          kernel: kernels.innerProducts,
          values: { zero: 0, size, count },
          tensors: [left, track(pairs, [size, count, 2]), result],
          workgroups: 1,
        }),
      ],
      'inner products',
    );
    const found = await readFloats(suite.device, result);
    const exact = product(
      keys,
      Float64Array.from(high, (value, i) => value + low[i]),
      [count, count, size],
      true,
    );
    const magnitude = product(keys.map(Math.abs), high.map(Math.abs), [count, count, size], true);
    const single = await readFloats(
      suite.device,
      suite.track(await suite.linalg.matmul(left, track(high, [size, count]), { transposeA: true })),
    );
    const error = (value: (i: number) => number): number =>
      Math.max(...exact.map((target, i) => Math.abs(value(i) - target) / magnitude[i]));
    expect(error((i) => found[2 * i] + found[2 * i + 1])).toBeLessThan(2 ** -36);
    expect(error((i) => single[i])).toBeGreaterThan(2 ** -30);
  });
});

/** What compilers might make of the shader, as a change of its text. */
const unfaithful: [string, string, string][] = [
  ['drops the error of a sum', 'return vec2f(sum, opaque(a_error + b_error));', 'return vec2f(sum, 0.0);'],
  ['drops the lower half', 'return vec2f(high, opaque(value - high));', 'return vec2f(value, 0.0);'],
  [
    'loses the low part where it adds products',
    'return vec2f(high.x, sum.y + (high.y + low));',
    'return vec2f(high.x + (sum.y + (high.y + low)), 0.0);',
  ],
];

function compiledWrongly(faithful: string, simplified: string): Promise<WebGpuLinearAlgebra> {
  return WebGpuLinearAlgebra.create(suite.device, async (file) => {
    const source = await readShader(file);
    if (file !== 'residual.wgsl') return source;
    expect(source).toContain(faithful);
    return source.replace(faithful, simplified);
  });
}

describe('the check at the start', () => {
  it('passes on this device, and nothing needs to be said', async () => {
    expect(await keepsTwoFloatArithmetic(suite.device, new KernelRunner(suite.device, readShader))).toBe(true);
    expect(suite.linalg.note).toBeNull();
  });

  it.each(unfaithful)('finds a compiler that %s', async (_, faithful, simplified) => {
    const linalg = await compiledWrongly(faithful, simplified);
    expect(linalg.note).toMatch(/residuals of the solves are computed on the CPU/);
  });
});

describe('a GPU that fails the check', () => {
  let linalg: WebGpuLinearAlgebra;

  beforeAll(async () => {
    const [, faithful, simplified] = unfaithful[0];
    linalg = await compiledWrongly(faithful, simplified);
  });

  it.each([
    [77, 5, 1e3],
    [130, 70, 1e5],
    [97, 4, 1e7],
  ])('solves as well as any other: %i × %i keys, condition number %d', async (size, count, condition) => {
    const c = conditioned(size, condition, 21);
    const k = gaussian(22)(count * size);
    const covariance = suite.track(suite.device.upload(c, [size, size]));
    const keys = suite.track(suite.device.upload(k, [count, size]));
    const { solution, relativeResidual, residualHistory } = await linalg.solveRegularized(covariance, 20_000, keys);
    const found = await readFloats(suite.device, suite.track(solution));
    expectBelow(
      `A, WebGPU with residuals on the CPU, F = ${size}, u = ${count}, condition ${condition}`,
      relativeError(found, regularizedSolution(c, 20_000, k, size)),
      1e-5,
    );
    expect(relativeResidual).toBeLessThan(1e-7);
    expect(Math.min(...residualHistory)).toBe(relativeResidual);
    expect(residualHistory[0]).toBeGreaterThan(relativeResidual);
  });
});
