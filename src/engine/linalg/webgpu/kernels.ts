/** The kernels of shaders/ as data: file, entry point, parameters in the shader's order, and the tile sizes both sides share. */

/** Side of the output tile of a workgroup in matmul, gram, cholesky and triangular. */
export const TILE = 64;
/** Side of the diagonal blocks of cholesky and triangular. */
export const PANEL = 32;
/** Rows (cholesky) or right-hand sides (triangular) that one workgroup solves for beside a diagonal block. */
export const PANEL_THREADS = 64;
/** Side of the output tile of a workgroup in residual. */
export const RESIDUAL_TILE = 16;
/** Threads of the kernels that take one element or one row. */
export const THREADS = 256;
/** Columns that one workgroup of scatter_add_rows takes. */
export const COLUMN_THREADS = 64;

export const matmul = {
  file: 'matmul.wgsl',
  entryPoint: 'matmul',
  parameters: { m: 'u32', n: 'u32', k: 'u32', alpha: 'f32' },
} as const;

export const gram = { file: 'gram.wgsl', entryPoint: 'gram', parameters: { count: 'u32', size: 'u32' } } as const;

const CHOLESKY = { file: 'cholesky.wgsl', parameters: { size: 'u32', start: 'u32' } } as const;
export const factorPanel = { ...CHOLESKY, entryPoint: 'factor_panel' } as const;
export const solvePanel = { ...CHOLESKY, entryPoint: 'solve_panel' } as const;
export const updateTrailing = { ...CHOLESKY, entryPoint: 'update_trailing' } as const;
export const clearUpper = { ...CHOLESKY, entryPoint: 'clear_upper' } as const;

const TRIANGULAR = { file: 'triangular.wgsl', parameters: { size: 'u32', count: 'u32', start: 'u32' } } as const;
export const solveBlock = { ...TRIANGULAR, entryPoint: 'solve_block' } as const;
export const updateRows = { ...TRIANGULAR, entryPoint: 'update_rows' } as const;

const RESIDUAL = { file: 'residual.wgsl', parameters: { zero: 'u32', size: 'u32', count: 'u32' } } as const;
export const innerProducts = { ...RESIDUAL, entryPoint: 'inner_products' } as const;
export const addCorrection = { ...RESIDUAL, entryPoint: 'add_correction' } as const;
export const roundRows = { ...RESIDUAL, entryPoint: 'round_rows' } as const;
export const checkPrimitives = { ...RESIDUAL, entryPoint: 'check_primitives' } as const;
export const residual = {
  file: 'residual.wgsl',
  entryPoint: 'residual',
  parameters: { ...RESIDUAL.parameters, covarianceWeight: 'f32' },
} as const;

const LOSS = { file: 'loss.wgsl', parameters: { width: 'u32' } } as const;
export const crossEntropy = { ...LOSS, entryPoint: 'cross_entropy' } as const;
export const klDivergence = { ...LOSS, entryPoint: 'kl_divergence' } as const;
export const logSoftmax = { ...LOSS, entryPoint: 'log_softmax' } as const;

export const adamStep = {
  file: 'adam.wgsl',
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
export const rowNorms = { ...ROWS, entryPoint: 'row_norms' } as const;

const ELEMENTWISE = {
  file: 'elementwise.wgsl',
  parameters: { size: 'u32', columns: 'u32', alpha: 'f32', beta: 'f32' },
} as const;
export const addScaled = { ...ELEMENTWISE, entryPoint: 'add_scaled' } as const;
export const transpose = { ...ELEMENTWISE, entryPoint: 'transpose' } as const;
export const sumOfSquares = { ...ELEMENTWISE, entryPoint: 'sum_of_squares' } as const;
