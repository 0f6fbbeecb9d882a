/** The kernels of shaders/ as data: file, entry point, parameters in the shader's order, and the tile sizes both sides share. */
import type { Tile } from './tiles.ts';

/** Side of the diagonal blocks that are factored and inverted in the memory of one workgroup. */
export const BLOCK = 64;
/** Largest side of the diagonal blocks whose inverses a triangular solve multiplies by; a power of two times {@link BLOCK}. */
export const SOLVE_BLOCK = 256;
/** Columns of a Cholesky panel; the rest of the matrix is updated once for each panel. */
export const PANEL = 256;
/** Rows of C that one workgroup of skinny.wgsl computes, where A's rows lie along k and where its columns do. */
export const SKINNY_ROWS = 32;
export const SKINNY_COLUMNS = 128;
/** Side of the output tile of a workgroup in residual. */
export const RESIDUAL_TILE = 16;
/** Threads of the kernels that take one element or one row. */
export const THREADS = 256;
/** Columns that one workgroup of scatter_add_rows takes. */
export const COLUMN_THREADS = 64;

/** Workgroups of a kernel with {@link THREADS} threads, each of which takes one element. */
export function workgroupsFor(elements: number): number {
  return Math.ceil(elements / THREADS);
}

/** WGSL before the files of a product's kernel: the type of the operands in memory, and what that asks for. */
const STORED_FLOATS = 'alias Stored = f32;';
const STORED_HALVES = 'enable f16;\nalias Stored = f16;';
const ENABLE_SUBGROUPS = 'enable subgroups;';

/** Joined with how operands lie in memory, and how threads share those of A. */
const MATMUL = {
  file: 'matmul.wgsl',
  prelude: STORED_FLOATS,
  parameters: {
    m: 'u32',
    n: 'u32',
    k: 'u32',
    strideA: 'u32',
    strideB: 'u32',
    strideC: 'u32',
    batchA: 'u32',
    batchB: 'u32',
    batchC: 'u32',
    alpha: 'f32',
    accumulate: 'u32',
  },
} as const;
/** @param vectors whether rows are read as vectors */
export function matmul({ quads = false, direct = false }: Pick<Tile, 'quads' | 'direct'>, vectors: boolean) {
  return {
    ...MATMUL,
    entryPoint: direct ? 'matmul_direct' : 'matmul',
    prelude: quads ? `${ENABLE_SUBGROUPS}\n${STORED_FLOATS}` : STORED_FLOATS,
    joined: [vectors ? 'operands-vec4.wgsl' : 'operands-scalar.wgsl', quads ? 'left-quad.wgsl' : 'left-workgroup.wgsl'],
  } as const;
}

const SKINNY = {
  file: 'skinny.wgsl',
  joined: ['lanes-workgroup.wgsl'],
  prelude: STORED_FLOATS,
  parameters: {
    m: 'u32',
    n: 'u32',
    k: 'u32',
    strideA: 'u32',
    stepBK: 'u32',
    stepBN: 'u32',
    stepCM: 'u32',
    stepCN: 'u32',
    alpha: 'f32',
    accumulate: 'u32',
  },
} as const;
export const skinnyRows = { ...SKINNY, entryPoint: 'rows' } as const;
export const skinnyColumns = { ...SKINNY, entryPoint: 'columns' } as const;
export const skinnyRowsSubgroups = {
  ...skinnyRows,
  joined: ['lanes-subgroup.wgsl'],
  prelude: `${ENABLE_SUBGROUPS}\n${STORED_FLOATS}`,
} as const;

/** The kernel of a product, for operands of float16. */
export function withHalves<K extends { prelude: string }>(kernel: K): K {
  return { ...kernel, prelude: kernel.prelude.replace(STORED_FLOATS, STORED_HALVES) };
}

const DIAGONAL_BLOCKS = {
  file: 'diagonal-blocks.wgsl',
  parameters: { size: 'u32', stride: 'u32', first: 'u32' },
} as const;
export const factorBlock = { ...DIAGONAL_BLOCKS, entryPoint: 'factor_block' } as const;
export const invertBlocks = { ...DIAGONAL_BLOCKS, entryPoint: 'invert_blocks' } as const;

export const widen = { file: 'widen.wgsl', entryPoint: 'widen', parameters: { count: 'u32', side: 'u32' } } as const;

const CHOLESKY = {
  file: 'cholesky.wgsl',
  parameters: { rows: 'u32', columns: 'u32', stride: 'u32', first: 'u32' },
} as const;
export const storePanel = { ...CHOLESKY, entryPoint: 'store_panel' } as const;
export const clearUpper = { ...CHOLESKY, entryPoint: 'clear_upper' } as const;

const RESIDUAL = { file: 'residual.wgsl', parameters: { zero: 'u32', size: 'u32', count: 'u32' } } as const;
export const innerProducts = { ...RESIDUAL, entryPoint: 'inner_products' } as const;
export const addCorrection = { ...RESIDUAL, entryPoint: 'add_correction' } as const;
export const roundRows = { ...RESIDUAL, entryPoint: 'round_rows' } as const;
export const checkPrimitives = { ...RESIDUAL, entryPoint: 'check_primitives' } as const;
export const residual = {
  file: 'residual.wgsl',
  entryPoint: 'residual',
  parameters: { ...RESIDUAL.parameters, covarianceWeight: 'f32', first: 'u32', rows: 'u32' },
} as const;

const LOSS = { file: 'loss.wgsl', joined: ['reduction.wgsl'], parameters: { width: 'u32' } } as const;
export const crossEntropy = { ...LOSS, entryPoint: 'cross_entropy' } as const;
export const klDivergence = { ...LOSS, entryPoint: 'kl_divergence' } as const;
export const logSoftmax = { ...LOSS, entryPoint: 'log_softmax' } as const;

const NORMS = { file: 'norms.wgsl', joined: ['reduction.wgsl'], parameters: { size: 'u32' } } as const;
export const rowNorms = { ...NORMS, entryPoint: 'row_norms' } as const;
export const sumOfSquares = { ...NORMS, entryPoint: 'sum_of_squares' } as const;

export const adamStep = {
  file: 'adam.wgsl',
  joined: ['reduction.wgsl'],
  entryPoint: 'adam_step',
  parameters: {
    width: 'u32',
    beta1: 'f32',
    beta2: 'f32',
    oneMinusBeta1: 'f32',
    oneMinusBeta2: 'f32',
    epsilon: 'f32',
    stepSize: 'f32',
    correction: 'f32',
  },
} as const;

const ROWS = { file: 'rows.wgsl', parameters: { width: 'u32', count: 'u32', alpha: 'f32' } } as const;
export const gatherRows = { ...ROWS, entryPoint: 'gather_rows' } as const;
export const scatterAddRows = { ...ROWS, entryPoint: 'scatter_add_rows' } as const;

export const writeColumns = {
  file: 'columns.wgsl',
  parameters: { size: 'u32', width: 'u32', targetWidth: 'u32', start: 'u32' },
  entryPoint: 'write_columns',
} as const;

const ELEMENTWISE = {
  file: 'elementwise.wgsl',
  parameters: { size: 'u32', columns: 'u32', alpha: 'f32', beta: 'f32' },
} as const;
export const addScaled = { ...ELEMENTWISE, entryPoint: 'add_scaled' } as const;
export const sumSlices = { ...ELEMENTWISE, entryPoint: 'sum_slices' } as const;
export const transpose = { ...ELEMENTWISE, entryPoint: 'transpose' } as const;
