/** Sums of xᵀx by the runtime's products against sums in double precision, for sizes off the strips and more rows than go at once. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelSession } from '../../../src/engine/session/session.ts';
import { Tensor } from '../../../src/engine/runtime/tensor.ts';
import { gramSums } from '../../../src/engine/statistics/gram-sum.ts';
import { relativeError } from '../compare.ts';
import { openModel, TINY_MODEL } from '../support.ts';
import { randomFloats } from '../weights/support.ts';

let session: ModelSession;

beforeAll(async () => {
  session = await openModel(TINY_MODEL);
});

afterAll(() => session.dispose());

function plainGram(pieces: readonly Float32Array[], size: number): Float64Array {
  const sum = new Float64Array(size * size);
  for (const x of pieces)
    for (let at = 0; at < x.length; at += size)
      for (let i = 0; i < size; i += 1) for (let j = 0; j < size; j += 1) sum[i * size + j] += x[at + i] * x[at + j];
  return sum;
}

describe('gramSums', () => {
  it.each([
    [1, [1]],
    [3, [2, 5]],
    [64, [1, 300, 256, 7]],
    [129, [513, 40]],
  ])('adds pieces of [%i]-wide rows', async (size, counts) => {
    const { runtime, linalg } = session.model;
    const pieces = counts.map((count, i) => randomFloats(count * size, i + 1));
    const sums = await gramSums(runtime, linalg, size);
    const sum = await sums.create();
    for (const [i, count] of counts.entries()) await sum.add(Tensor.fromData(pieces[i], [count, size]));
    const matrix = await sum.scaled(0.25);
    const expected = plainGram(pieces, size).map((value) => 0.25 * value);
    expect(relativeError(matrix.floats, expected)).toBeLessThan(1e-6);
    for (let i = 0; i < size; i += 1)
      for (let j = 0; j < i; j += 1) expect(matrix.floats[i * size + j]).toBe(matrix.floats[j * size + i]);

    const more = await sums.create({ matrix, factor: 4 });
    await more.add(Tensor.fromData(pieces[0], [counts[0], size]));
    const twice = plainGram([...pieces, pieces[0]], size);
    expect(relativeError((await more.scaled(1)).floats, twice)).toBeLessThan(1e-6);
    await sums.release();
  });

  it('keeps what one row that dwarfs the others would drown', async () => {
    const { runtime, linalg } = session.model;
    const size = 65;
    const sums = await gramSums(runtime, linalg, size);
    const sum = await sums.create();
    const sink = randomFloats(size, 1).map((value, i) => (i < 3 ? 3000 * value : 0));
    const rest = Array.from({ length: 40 }, (_, i) => randomFloats(250 * size, i + 2));
    await sum.add(Tensor.fromData(sink, [1, size]));
    for (const x of rest) await sum.add(Tensor.fromData(x, [250, size]));
    const { floats } = await sum.scaled(1);
    const expected = plainGram([sink, ...rest], size);
    const outside = (_: unknown, i: number): boolean => Math.floor(i / size) >= 3 && i % size >= 3;
    expect(relativeError(floats.filter(outside), expected.filter(outside))).toBeLessThan(1e-6);
    await sums.release();
  });
});
