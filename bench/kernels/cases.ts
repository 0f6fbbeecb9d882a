/** What is measured: the operations and shapes that editing a model asks for. */

export type Case =
  | {
      readonly operation: 'matmul';
      readonly m: number;
      readonly n: number;
      readonly k: number;
      readonly transposeA?: boolean;
      readonly transposeB?: boolean;
      /** Operands in float16, sums in float32. */
      readonly half?: boolean;
      /** What the shape stands for. */
      readonly note?: string;
    }
  /** C += XᵀX, X [count, size]. */
  | { readonly operation: 'gram'; readonly size: number; readonly count: number; readonly note?: string }
  | { readonly operation: 'cholesky'; readonly size: number; readonly note?: string }
  /** L·X = B, B [size, count]. */
  | { readonly operation: 'triangular'; readonly size: number; readonly count: number; readonly note?: string }
  /** (C + KᵀK)A = K, refined; K [count, size]. */
  | { readonly operation: 'solve'; readonly size: number; readonly count: number; readonly note?: string };

/** F of GPT-2 small … XL and GPT-J, D of GPT-J, and the squares that are compared everywhere. */
const FULL: readonly Case[] = [
  ...[768, 1024, 2048, 4096, 8192].map((n) => ({ operation: 'matmul', m: n, n, k: n }) as const),
  { operation: 'matmul', m: 4096, n: 4096, k: 4096, transposeB: true },
  { operation: 'matmul', m: 4096, n: 4096, k: 4096, transposeA: true },
  { operation: 'matmul', m: 4096, n: 4096, k: 4096, half: true },
  { operation: 'matmul', m: 6400, n: 8, k: 6400, note: 'F × F × u, 8 edits' },
  { operation: 'matmul', m: 6400, n: 100, k: 6400, note: 'F × F × u, 100 edits' },
  { operation: 'matmul', m: 4096, n: 16_384, k: 100, transposeA: true, note: 'D × u × F, 100 edits' },
  { operation: 'gram', size: 3072, count: 4096, note: 'F × F × tokens, GPT-2' },
  { operation: 'gram', size: 6400, count: 4096, note: 'F × F × tokens, GPT-2 XL' },
  ...[768, 1024, 3072, 6400, 16_384].map((size) => ({ operation: 'cholesky', size }) as const),
  { operation: 'triangular', size: 1024, count: 1024 },
  { operation: 'triangular', size: 6400, count: 1024 },
  { operation: 'triangular', size: 6400, count: 8 },
  { operation: 'solve', size: 3072, count: 100, note: 'GPT-2, 100 edits' },
  { operation: 'solve', size: 6400, count: 100, note: 'GPT-2 XL, 100 edits' },
];

/** For drivers that run on the CPU: shows that everything runs, and agrees. */
const SMALL: readonly Case[] = [
  ...[128, 256, 384].map((n) => ({ operation: 'matmul', m: n, n, k: n }) as const),
  { operation: 'matmul', m: 256, n: 256, k: 256, transposeB: true },
  { operation: 'matmul', m: 256, n: 256, k: 256, transposeA: true },
  { operation: 'matmul', m: 256, n: 256, k: 256, half: true },
  { operation: 'matmul', m: 512, n: 8, k: 512, note: 'F × F × u, 8 edits' },
  { operation: 'matmul', m: 128, n: 512, k: 10, transposeA: true, note: 'D × u × F, 10 edits' },
  { operation: 'gram', size: 256, count: 512, note: 'F × F × tokens' },
  { operation: 'cholesky', size: 256 },
  { operation: 'triangular', size: 256, count: 128 },
  { operation: 'triangular', size: 256, count: 8 },
  { operation: 'solve', size: 256, count: 10, note: '10 edits' },
];

export const CASES = { full: FULL, small: SMALL } as const;

export function nameOf(work: Case): string {
  switch (work.operation) {
    case 'matmul': {
      const { m, n, k, transposeA, transposeB, half } = work;
      const form = `${transposeA ? 'Aᵀ' : 'A'}·${transposeB ? 'Bᵀ' : 'B'}`;
      return `${form} ${m} × ${n} × ${k}${half ? ', f16 operands' : ''}`;
    }
    case 'gram':
      return `C += XᵀX ${work.size}² × ${work.count}`;
    case 'cholesky':
      return `Cholesky ${work.size}`;
    case 'triangular':
      return `L⁻¹·B ${work.size}, ${work.count} columns`;
    case 'solve':
      return `SPD solve ${work.size}, ${work.count} columns`;
  }
}

/** Floating-point operations that the case cannot do without. */
export function operationsOf(work: Case): number {
  switch (work.operation) {
    case 'matmul':
      return 2 * work.m * work.n * work.k;
    // Half of a symmetric matrix is enough.
    case 'gram':
      return work.size ** 2 * work.count;
    case 'cholesky':
      return work.size ** 3 / 3;
    case 'triangular':
      return work.size ** 2 * work.count;
    case 'solve':
      return work.size ** 3 / 3 + 3 * work.size ** 2 * work.count;
  }
}
