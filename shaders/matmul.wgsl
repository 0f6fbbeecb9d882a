// C = alpha · op(A) · op(B), or C += that; op(A) is [m, k], op(B) is [k, n], all row-major.
//
// A workgroup of 16 × 16 computes a 64 × 64 tile of C, 4 × 4 elements a thread. Tiles of A and B, 16 deep, are staged in
// workgroup memory (8 KiB, half of what every device has), so that each value that is read from memory serves 64 products, and
// each that is read from workgroup memory serves 4. Both tiles are stored with k outermost whatever the operands'
// orientation, and threads that are neighbours load neighbours in memory. Edges are padded with zeros.

struct Params {
  workgroups: u32,
  m: u32,
  n: u32,
  k: u32,
  alpha: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

// A is stored [k, m]; B is stored [n, k].
override TRANSPOSE_A: bool = false;
override TRANSPOSE_B: bool = false;
override ACCUMULATE: bool = false;

const TILE = 64u;
const TILE_K = 16u;
const THREADS = 16u;
const PER_THREAD = 4u;

var<workgroup> a_tile: array<array<f32, TILE>, TILE_K>;
var<workgroup> b_tile: array<array<f32, TILE>, TILE_K>;

fn a_at(row: u32, depth: u32) -> f32 {
  if (row >= params.m || depth >= params.k) { return 0.0; }
  if (TRANSPOSE_A) { return a[depth * params.m + row]; }
  return a[row * params.k + depth];
}

fn b_at(depth: u32, column: u32) -> f32 {
  if (column >= params.n || depth >= params.k) { return 0.0; }
  if (TRANSPOSE_B) { return b[column * params.k + depth]; }
  return b[depth * params.n + column];
}

@compute @workgroup_size(THREADS, THREADS)
fn matmul(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let number = group.x + group.y * groups.x;
  if (number >= params.workgroups) { return; }
  let tiles_n = (params.n + TILE - 1u) / TILE;
  let row_start = (number / tiles_n) * TILE;
  let column_start = (number % tiles_n) * TILE;

  var sums: array<vec4f, PER_THREAD>;
  for (var depth_start = 0u; depth_start < params.k; depth_start += TILE_K) {
    for (var i = thread; i < TILE * TILE_K; i += THREADS * THREADS) {
      // Consecutive threads go along whichever axis is contiguous in memory.
      if (TRANSPOSE_A) {
        a_tile[i / TILE][i % TILE] = a_at(row_start + i % TILE, depth_start + i / TILE);
      } else {
        a_tile[i % TILE_K][i / TILE_K] = a_at(row_start + i / TILE_K, depth_start + i % TILE_K);
      }
      if (TRANSPOSE_B) {
        b_tile[i % TILE_K][i / TILE_K] = b_at(depth_start + i % TILE_K, column_start + i / TILE_K);
      } else {
        b_tile[i / TILE][i % TILE] = b_at(depth_start + i / TILE, column_start + i % TILE);
      }
    }
    workgroupBarrier();
    for (var depth = 0u; depth < TILE_K; depth++) {
      // A thread's rows and columns lie THREADS apart: neighbours then read neighbouring words, without bank conflicts.
      let right = vec4f(
        b_tile[depth][local.x],
        b_tile[depth][local.x + THREADS],
        b_tile[depth][local.x + 2u * THREADS],
        b_tile[depth][local.x + 3u * THREADS],
      );
      for (var r = 0u; r < PER_THREAD; r++) {
        sums[r] += a_tile[depth][local.y + r * THREADS] * right;
      }
    }
    workgroupBarrier();
  }

  for (var r = 0u; r < PER_THREAD; r++) {
    let row = row_start + local.y + r * THREADS;
    for (var s = 0u; s < PER_THREAD; s++) {
      let column = column_start + local.x + s * THREADS;
      if (row < params.m && column < params.n) {
        let at = row * params.n + column;
        let product = params.alpha * sums[r][s];
        if (ACCUMULATE) { c[at] += product; } else { c[at] = product; }
      }
    }
  }
}
