// C ← C + XᵀX for X [count, size] and symmetric C [size, size]: the symmetric rank-k update that gathers second moments.
//
// The tiling is matmul.wgsl's (64 × 64 a workgroup, 4 × 4 a thread, 16 deep), but only tiles on and below the diagonal exist,
// which halves the work: workgroup number t is tile (i, j) with t = i(i + 1)/2 + j. Every element is computed once,
// below the diagonal, and written to its mirror place as well, so C stays symmetric to the last bit.

struct Params {
  workgroups: u32,
  count: u32,
  size: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> c: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;

const TILE = 64u;
const TILE_K = 16u;
const THREADS = 16u;
const PER_THREAD = 4u;

var<workgroup> row_tile: array<array<f32, TILE>, TILE_K>;
var<workgroup> column_tile: array<array<f32, TILE>, TILE_K>;

fn x_at(depth: u32, column: u32) -> f32 {
  if (depth >= params.count || column >= params.size) { return 0.0; }
  return x[depth * params.size + column];
}

// The row i of tile number t in the lower triangle; the square root may be off by one for large t.
fn tile_row(number: u32) -> u32 {
  var i = u32((sqrt(8.0 * f32(number) + 1.0) - 1.0) * 0.5);
  while (i * (i + 1u) / 2u > number) { i--; }
  while ((i + 1u) * (i + 2u) / 2u <= number) { i++; }
  return i;
}

@compute @workgroup_size(THREADS, THREADS)
fn gram(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let number = group.x + group.y * groups.x;
  if (number >= params.workgroups) { return; }
  let i = tile_row(number);
  let row_start = i * TILE;
  let column_start = (number - i * (i + 1u) / 2u) * TILE;

  var sums: array<vec4f, PER_THREAD>;
  for (var depth_start = 0u; depth_start < params.count; depth_start += TILE_K) {
    for (var at = thread; at < TILE * TILE_K; at += THREADS * THREADS) {
      let depth = at / TILE;
      row_tile[depth][at % TILE] = x_at(depth_start + depth, row_start + at % TILE);
      column_tile[depth][at % TILE] = x_at(depth_start + depth, column_start + at % TILE);
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
        let sum = c[row * params.size + column] + sums[r][s];
        c[row * params.size + column] = sum;
        c[column * params.size + row] = sum;
      }
    }
  }
}
