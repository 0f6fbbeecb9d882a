// X ← L⁻¹·X, or L⁻ᵀ·X where BACKWARD, in place: L [size, size] lower triangular, X [size, count] with one right-hand side a column.
//
// Blocked like cholesky.wgsl, 32 rows at a time: `solve_block` solves with the diagonal block (one thread a right-hand side, the
// block in workgroup memory, neighbours read neighbouring columns), then `update_rows` takes the solved rows out of all
// rows that remain, a matrix product in 64 × 64 tiles. Forward goes down from the first row; backward goes up from the last
// block and reads L by columns. What lies above L's diagonal is never read.

struct Params {
  workgroups: u32,
  size: u32,
  count: u32,
  // First row of the block.
  start: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> l: array<f32>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;

override BACKWARD: bool = false;

const BLOCK = 32u;
const BLOCK_THREADS = 64u;
const TILE = 64u;
const TILE_K = 16u;
const THREADS = 16u;
const PER_THREAD = 4u;

var<workgroup> block: array<array<f32, BLOCK>, BLOCK>;

@compute @workgroup_size(BLOCK_THREADS)
fn solve_block(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let number = group.x + group.y * groups.x;
  if (number >= params.workgroups) { return; }
  let height = min(BLOCK, params.size - params.start);
  for (var i = thread; i < BLOCK * BLOCK; i += BLOCK_THREADS) {
    let row = i / BLOCK;
    let column = i % BLOCK;
    if (row < height && column <= row) {
      block[row][column] = l[(params.start + row) * params.size + params.start + column];
    }
  }
  workgroupBarrier();
  let column = number * BLOCK_THREADS + thread;
  if (column >= params.count) { return; }
  var solved: array<f32, BLOCK>;
  for (var step = 0u; step < height; step++) {
    let row = select(step, height - 1u - step, BACKWARD);
    let at = (params.start + row) * params.count + column;
    var value = x[at];
    if (BACKWARD) {
      for (var k = row + 1u; k < height; k++) { value -= block[k][row] * solved[k]; }
    } else {
      for (var k = 0u; k < row; k++) { value -= block[row][k] * solved[k]; }
    }
    value /= block[row][row];
    solved[row] = value;
    x[at] = value;
  }
}

var<workgroup> factor_tile: array<array<f32, TILE>, TILE_K>;
var<workgroup> solved_tile: array<array<f32, TILE>, TILE_K>;

fn factor_at(row: u32, depth: u32, end: u32) -> f32 {
  if (row >= end || params.start + depth >= params.size) { return 0.0; }
  if (BACKWARD) { return l[(params.start + depth) * params.size + row]; }
  return l[row * params.size + params.start + depth];
}

fn solved_at(depth: u32, column: u32) -> f32 {
  if (column >= params.count || params.start + depth >= params.size) { return 0.0; }
  return x[(params.start + depth) * params.count + column];
}

@compute @workgroup_size(THREADS, THREADS)
fn update_rows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let number = group.x + group.y * groups.x;
  if (number >= params.workgroups) { return; }
  // The rows that remain: those after the block, or those before it.
  let begin = select(params.start + BLOCK, 0u, BACKWARD);
  let end = select(params.size, params.start, BACKWARD);
  let tiles_n = (params.count + TILE - 1u) / TILE;
  let row_start = begin + (number / tiles_n) * TILE;
  let column_start = (number % tiles_n) * TILE;

  var sums: array<vec4f, PER_THREAD>;
  for (var depth_start = 0u; depth_start < BLOCK; depth_start += TILE_K) {
    for (var i = thread; i < TILE * TILE_K; i += THREADS * THREADS) {
      if (BACKWARD) {
        factor_tile[i / TILE][i % TILE] = factor_at(row_start + i % TILE, depth_start + i / TILE, end);
      } else {
        factor_tile[i % TILE_K][i / TILE_K] = factor_at(row_start + i / TILE_K, depth_start + i % TILE_K, end);
      }
      solved_tile[i / TILE][i % TILE] = solved_at(depth_start + i / TILE, column_start + i % TILE);
    }
    workgroupBarrier();
    for (var depth = 0u; depth < TILE_K; depth++) {
      let right = vec4f(
        solved_tile[depth][local.x],
        solved_tile[depth][local.x + THREADS],
        solved_tile[depth][local.x + 2u * THREADS],
        solved_tile[depth][local.x + 3u * THREADS],
      );
      for (var r = 0u; r < PER_THREAD; r++) {
        sums[r] += factor_tile[depth][local.y + r * THREADS] * right;
      }
    }
    workgroupBarrier();
  }

  for (var r = 0u; r < PER_THREAD; r++) {
    let row = row_start + local.y + r * THREADS;
    for (var s = 0u; s < PER_THREAD; s++) {
      let column = column_start + local.x + s * THREADS;
      if (row < end && column < params.count) {
        x[row * params.count + column] -= sums[r][s];
      }
    }
  }
}
