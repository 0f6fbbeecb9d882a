// The Cholesky factor of a symmetric positive definite matrix, in place in its lower half: A = L·Lᵀ.
//
// Blocked and right-looking, in panels of 32 columns. For each panel: `factor_panel` factors its 32 × 32 diagonal block in the
// memory of one workgroup, `solve_panel` turns the rows below into L (each thread one row), and `update_trailing` subtracts
// their products from the rest of the lower half, tile by tile as in matmul.wgsl. Nearly all work is in that third step,
// which runs at matmul's speed. 32 keeps a row of the panel in a thread's registers; a wider panel would spill.
//
// A pivot that is not positive, or not a number, is noted in `status` (the smallest index wins; the caller looks after the last
// panel) and replaced by 1, so that the steps already queued run on without producing NaN.

struct Params {
  workgroups: u32,
  size: u32,
  // First row and column of the panel.
  start: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> a: array<f32>;
@group(0) @binding(2) var<storage, read_write> status: array<u32>;

const PANEL = 32u;
const PANEL_THREADS = 64u;
const TILE = 64u;
const TILE_K = 16u;
const THREADS = 16u;
const PER_THREAD = 4u;

var<workgroup> block: array<array<f32, PANEL>, PANEL>;

// Positive, finite and not denormal, seen from the bits: compilers may assume that floats are never NaN.
fn is_positive(value: f32) -> bool {
  let bits = bitcast<u32>(value);
  return bits >= 0x00800000u && bits < 0x7f800000u;
}

fn load_block(thread: u32, width: u32) {
  for (var i = thread; i < PANEL * PANEL; i += PANEL_THREADS) {
    let row = i / PANEL;
    let column = i % PANEL;
    if (row < width && column <= row) {
      block[row][column] = a[(params.start + row) * params.size + params.start + column];
    }
  }
}

@compute @workgroup_size(PANEL_THREADS)
fn factor_panel(@builtin(local_invocation_index) thread: u32) {
  let width = min(PANEL, params.size - params.start);
  load_block(thread, width);
  workgroupBarrier();
  for (var j = 0u; j < width; j++) {
    // Every thread finds the same pivot; only its owner keeps the root.
    let found = block[j][j];
    let good = is_positive(found);
    let pivot = sqrt(select(1.0, found, good));
    workgroupBarrier();
    if (thread == j) {
      block[j][j] = pivot;
      if (!good) { status[0] = min(status[0], params.start + j); }
    } else if (thread > j && thread < width) {
      block[thread][j] = select(0.0, block[thread][j] / pivot, good);
    }
    workgroupBarrier();
    // The rest of the block, one row a thread.
    if (thread > j && thread < width) {
      let factor = block[thread][j];
      for (var column = j + 1u; column <= thread; column++) {
        block[thread][column] -= factor * block[column][j];
      }
    }
    workgroupBarrier();
  }
  for (var i = thread; i < PANEL * PANEL; i += PANEL_THREADS) {
    let row = i / PANEL;
    let column = i % PANEL;
    if (row < width && column <= row) {
      a[(params.start + row) * params.size + params.start + column] = block[row][column];
    }
  }
}

// Rows below the panel: x·Lᵀ = a for each of them. The panel is full here, or there would be no rows below it.
@compute @workgroup_size(PANEL_THREADS)
fn solve_panel(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let number = group.x + group.y * groups.x;
  if (number >= params.workgroups) { return; }
  load_block(thread, PANEL);
  workgroupBarrier();
  let row = params.start + PANEL + number * PANEL_THREADS + thread;
  if (row >= params.size) { return; }
  let base = row * params.size + params.start;
  var x: array<f32, PANEL>;
  for (var j = 0u; j < PANEL; j++) {
    var value = a[base + j];
    for (var k = 0u; k < j; k++) { value -= x[k] * block[j][k]; }
    value /= block[j][j];
    x[j] = value;
    a[base + j] = value;
  }
}

var<workgroup> row_tile: array<array<f32, TILE>, TILE_K>;
var<workgroup> column_tile: array<array<f32, TILE>, TILE_K>;

fn panel_at(row: u32, depth: u32) -> f32 {
  if (row >= params.size) { return 0.0; }
  return a[row * params.size + params.start + depth];
}

fn tile_row(number: u32) -> u32 {
  var i = u32((sqrt(8.0 * f32(number) + 1.0) - 1.0) * 0.5);
  while (i * (i + 1u) / 2u > number) { i--; }
  while ((i + 1u) * (i + 2u) / 2u <= number) { i++; }
  return i;
}

@compute @workgroup_size(THREADS, THREADS)
fn update_trailing(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let number = group.x + group.y * groups.x;
  if (number >= params.workgroups) { return; }
  let i = tile_row(number);
  let first = params.start + PANEL;
  let row_start = first + i * TILE;
  let column_start = first + (number - i * (i + 1u) / 2u) * TILE;

  var sums: array<vec4f, PER_THREAD>;
  for (var depth_start = 0u; depth_start < PANEL; depth_start += TILE_K) {
    for (var at = thread; at < TILE * TILE_K; at += THREADS * THREADS) {
      let depth = at % TILE_K;
      row_tile[depth][at / TILE_K] = panel_at(row_start + at / TILE_K, depth_start + depth);
      column_tile[depth][at / TILE_K] = panel_at(column_start + at / TILE_K, depth_start + depth);
    }
    workgroupBarrier();
    for (var depth = 0u; depth < TILE_K; depth++) {
      let right = vec4f(
        column_tile[depth][local.x],
        column_tile[depth][local.x + THREADS],
        column_tile[depth][local.x + 2u * THREADS],
        column_tile[depth][local.x + 3u * THREADS],
      );
      for (var r = 0u; r < PER_THREAD; r++) {
        sums[r] += row_tile[depth][local.y + r * THREADS] * right;
      }
    }
    workgroupBarrier();
  }

  for (var r = 0u; r < PER_THREAD; r++) {
    let row = row_start + local.y + r * THREADS;
    for (var s = 0u; s < PER_THREAD; s++) {
      let column = column_start + local.x + s * THREADS;
      if (row < params.size && column <= row) {
        a[row * params.size + column] -= sums[r][s];
      }
    }
  }
}

// Zeros above the diagonal, one row a workgroup.
@compute @workgroup_size(PANEL_THREADS)
fn clear_upper(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.workgroups) { return; }
  for (var column = row + 1u + thread; column < params.size; column += PANEL_THREADS) {
    a[row * params.size + column] = 0.0;
  }
}
