/**
 * The largest singular values of a matrix, by randomised subspace iteration (Halko, Martinsson, Tropp 2011, algorithms 4.4 and 5.1): products with
 * a few vectors on the device, all else in double precision.
 */
import { seededRandom } from '../random.ts';
import { readFloats, type Device } from '../runtime/device.ts';
import { scoped } from '../runtime/scope.ts';
import type { Tensor } from '../runtime/tensor.ts';
import type { LinearAlgebra } from './linear-algebra.ts';

/** Vectors beyond those asked for: they take what would blur the last ones. */
const OVERSAMPLED = 8;
const ITERATIONS = 6;
/** What is left of a vector's length after the others are taken out of it, below which it is one of them. */
const DEPENDENT = 1e-7;

/**
 * The `count` largest singular values of a matrix [m, n], largest first; min(m, n) of them where that is less. Those below 1e-6 of the first are
 * rounding.
 */
export async function largestSingularValues(
  linalg: LinearAlgebra,
  device: Device,
  matrix: Tensor,
  count: number,
): Promise<number[]> {
  const [rows, columns] = matrix.dims;
  const width = Math.min(count + OVERSAMPLED, rows, columns);
  const times = (vectors: Float32Array, transposed: boolean): Promise<Float32Array> =>
    scoped(async (scope) => {
      const length = transposed ? rows : columns;
      const right = scope.track(device.upload(vectors, [length, width]));
      return readFloats(device, scope.track(await linalg.matmul(matrix, right, { transposeA: transposed })));
    });
  const random = seededRandom(1);
  let basis = orthonormal(
    Float32Array.from({ length: columns * width }, () => random() + random() + random() - 1.5),
    columns,
    width,
  );
  let image: Float32Array = new Float32Array(0);
  for (let i = 0; i < ITERATIONS; i += 1) {
    const range = orthonormal(await times(basis, false), rows, width);
    image = await times(range, true);
    basis = orthonormal(image, columns, width);
  }
  // M ≈ Q(QᵀM) for the last range Q: the singular values of MᵀQ are those sought.
  const gram = Array.from({ length: width }, () => new Float64Array(width));
  for (let row = 0; row < columns; row += 1) {
    for (let i = 0; i < width; i += 1) {
      const left = image[row * width + i];
      for (let j = 0; j <= i; j += 1) gram[i][j] += left * image[row * width + j];
    }
  }
  for (let i = 0; i < width; i += 1) for (let j = i + 1; j < width; j += 1) gram[i][j] = gram[j][i];
  return symmetricEigenvalues(gram)
    .slice(0, count)
    .map((value) => Math.sqrt(Math.max(0, value)));
}

/** Columns of [length, width] made orthonormal one after the other, twice over; those that depend on earlier ones become 0. */
function orthonormal(vectors: Float32Array, length: number, width: number): Float32Array {
  const columns = Array.from({ length: width }, (_, c) =>
    Float64Array.from({ length }, (__, row) => vectors[row * width + c]),
  );
  for (const [c, column] of columns.entries()) {
    const before = norm(column);
    for (let pass = 0; pass < 2; pass += 1) {
      for (const other of columns.slice(0, c)) {
        let dot = 0;
        for (let row = 0; row < length; row += 1) dot += column[row] * other[row];
        for (let row = 0; row < length; row += 1) column[row] -= dot * other[row];
      }
    }
    const left = norm(column);
    const scale = left > DEPENDENT * before ? 1 / left : 0;
    for (let row = 0; row < length; row += 1) column[row] *= scale;
  }
  return Float32Array.from({ length: length * width }, (_, at) => columns[at % width][Math.floor(at / width)]);
}

function norm(values: Float64Array): number {
  let squares = 0;
  for (const value of values) squares += value * value;
  return Math.sqrt(squares);
}

/** Sweeps of rotations; they converge quadratically. */
const SWEEPS = 30;

/** Eigenvalues of a small symmetric matrix, largest first, by Jacobi's rotations (Golub and Van Loan, section 8.5); it is overwritten. */
export function symmetricEigenvalues(matrix: readonly Float64Array[]): number[] {
  const n = matrix.length;
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    let [off, diagonal] = [0, 0];
    for (let i = 0; i < n; i += 1) {
      diagonal += matrix[i][i] ** 2;
      for (let j = 0; j < i; j += 1) off += matrix[i][j] ** 2;
    }
    if (off <= 1e-30 * diagonal) break;
    for (let p = 0; p < n; p += 1) for (let q = p + 1; q < n; q += 1) rotate(matrix, p, q);
  }
  return matrix.map((row, i) => row[i]).sort((a, b) => b - a);
}

/** Makes element (p, q) 0. */
function rotate(matrix: readonly Float64Array[], p: number, q: number): void {
  const pivot = matrix[p][q];
  if (pivot === 0) return;
  const theta = (matrix[q][q] - matrix[p][p]) / (2 * pivot);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  for (const row of matrix) [row[p], row[q]] = [c * row[p] - s * row[q], s * row[p] + c * row[q]];
  const [first, second] = [matrix[p], matrix[q]];
  for (let k = 0; k < matrix.length; k += 1) {
    [first[k], second[k]] = [c * first[k] - s * second[k], s * first[k] + c * second[k]];
  }
}
