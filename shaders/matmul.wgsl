// C = alpha · op(A) · op(B), or C += that: op(A) is [m, k], op(B) is [k, n], each row-major with a stride of its own between rows, so
// that a block of a larger matrix will do. Joined with operands-vec4.wgsl or operands-scalar.wgsl, which read and write memory.
//
// A workgroup computes a TILE_M × TILE_N tile of C, a thread 4 × 4 elements of it or up to 8 × 8, as one, two or four blocks of 4 × 4. Steps
// of the ladder that are taken here, and what each is for:
// 1. Workgroup tiles: what is read from memory once serves TILE_M or TILE_N products.
// 2. Register tiles: what is read from workgroup memory serves 4 or 8 products. The blocks are mat4x4f, whose columns no
//    compiler can be tempted to index at run time: arrays of registers sometimes end up in memory.
// 3. vec4 loads from memory and from workgroup memory: a fourth of the instructions. A thread brings a block of 4 × 4 and
//    turns it in its registers where k runs along the rows, so both tiles lie with k outermost in every orientation.
// 4. Double buffering: the next tiles are on their way from memory while this one is multiplied, and one barrier a step is enough.
// 5. Tile shapes are constants that the host sets (tiles.ts), per adapter and shape.
// docs/performance.md has what they bought.
//
// LOWER leaves out the tiles above the diagonal (symmetric C), MIRROR writes what is below it to its mirror place too. Batches lie
// `batch_*` elements apart; a product with few tiles and a long k is cut into a batch along k (sum.wgsl adds it up).

struct Params {
  workgroups: u32,
  m: u32,
  n: u32,
  k: u32,
  stride_a: u32,
  stride_b: u32,
  stride_c: u32,
  batch_a: u32,
  batch_b: u32,
  batch_c: u32,
  alpha: f32,
  // 1: add to C; 0: overwrite it.
  accumulate: u32,
}

// A is stored [k, m]; B is stored [n, k].
override TRANSPOSE_A: bool = false;
override TRANSPOSE_B: bool = false;
override LOWER: bool = false;
override MIRROR: bool = false;

override TILE_M: u32 = 32u;
override TILE_N: u32 = 32u;
override TILE_K: u32 = 16u;
// Two blocks of rows (of columns) a thread instead of one.
override WIDE_M: bool = false;
override WIDE_N: bool = false;

override THREADS_N: u32 = TILE_N / select(4u, 8u, WIDE_N);
override THREADS: u32 = THREADS_N * TILE_M / select(4u, 8u, WIDE_M);
// In vectors of four.
override WIDTH_A: u32 = TILE_M / 4u;
override WIDTH_B: u32 = TILE_N / 4u;
override DEPTH: u32 = TILE_K / 4u;
override BLOCKS_A: u32 = WIDTH_A * DEPTH;
override BLOCKS: u32 = BLOCKS_A + WIDTH_B * DEPTH;

var<workgroup> a_tiles: array<vec4f, 2u * TILE_K * WIDTH_A>;
var<workgroup> b_tiles: array<vec4f, 2u * TILE_K * WIDTH_B>;

// The 4 × 4 block of an operand that this thread brings at every step; rows of the result run along k.
struct Errand {
  is_a: bool,
  busy: bool,
  // Of the block inside the tile, in vectors.
  k4: u32,
  across4: u32,
  // First row or column of the tile in the operand.
  start: u32,
  base: u32,
}

fn errand(thread: u32, row_start: u32, column_start: u32, batch: u32) -> Errand {
  let is_a = thread < BLOCKS_A;
  let number = select(thread - BLOCKS_A, thread, is_a);
  let width = select(WIDTH_B, WIDTH_A, is_a);
  // Neighbouring threads go along the rows in memory.
  let along_k = select(TRANSPOSE_B, !TRANSPOSE_A, is_a);
  return Errand(
    is_a,
    thread < BLOCKS,
    select(number / width, number % DEPTH, along_k),
    select(number % width, number / DEPTH, along_k),
    select(column_start, row_start, is_a),
    batch * select(params.batch_b, params.batch_a, is_a),
  );
}

fn fetch(what: Errand, depth: u32) -> mat4x4f {
  if (!what.busy || depth >= params.k) { return mat4x4f(); }
  let k = depth + 4u * what.k4;
  let across = what.start + 4u * what.across4;
  if (what.is_a) {
    if (TRANSPOSE_A) { return a_block(what.base, k, across, params.k, params.m); }
    return transpose(a_block(what.base, across, k, params.m, params.k));
  }
  if (TRANSPOSE_B) { return transpose(b_block(what.base, across, k, params.n, params.k)); }
  return b_block(what.base, k, across, params.k, params.n);
}

fn stage(what: Errand, block: mat4x4f, buffer: u32) {
  if (!what.busy) { return; }
  let k = buffer * TILE_K + 4u * what.k4;
  if (what.is_a) {
    a_tiles[k * WIDTH_A + what.across4] = block[0];
    a_tiles[(k + 1u) * WIDTH_A + what.across4] = block[1];
    a_tiles[(k + 2u) * WIDTH_A + what.across4] = block[2];
    a_tiles[(k + 3u) * WIDTH_A + what.across4] = block[3];
  } else {
    b_tiles[k * WIDTH_B + what.across4] = block[0];
    b_tiles[(k + 1u) * WIDTH_B + what.across4] = block[1];
    b_tiles[(k + 2u) * WIDTH_B + what.across4] = block[2];
    b_tiles[(k + 3u) * WIDTH_B + what.across4] = block[3];
  }
}

// sum + left · rightᵀ, one row of C in each column of the matrix.
fn add_outer(sum: mat4x4f, left: vec4f, right: vec4f) -> mat4x4f {
  return mat4x4f(
    sum[0] + left.x * right,
    sum[1] + left.y * right,
    sum[2] + left.z * right,
    sum[3] + left.w * right,
  );
}

fn put_row(base: u32, row: u32, column: u32, sum: vec4f) {
  if (row >= params.m || column >= params.n) { return; }
  var value = params.alpha * sum;
  if (params.accumulate == 1u) { value += c_vector(base, row, column); }
  set_c_vector(base, row, column, value);
}

fn put(base: u32, row: u32, column: u32, sum: mat4x4f) {
  put_row(base, row, column, sum[0]);
  put_row(base, row + 1u, column, sum[1]);
  put_row(base, row + 2u, column, sum[2]);
  put_row(base, row + 3u, column, sum[3]);
}

// C is symmetric and so is what is added: the mirror image may be added to its own place.
fn put_mirrored(base: u32, row: u32, column: u32, sum: mat4x4f, strictly_lower: bool) {
  put(base, row, column, sum);
  if (MIRROR && strictly_lower) { put(base, column, row, transpose(sum)); }
}

@compute @workgroup_size(THREADS)
fn matmul(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let number = group.x + group.y * groups.x;
  if (number >= params.workgroups) { return; }
  let tiles_n = (params.n + TILE_N - 1u) / TILE_N;
  let tiles = tiles_n * ((params.m + TILE_M - 1u) / TILE_M);
  let batch = number / tiles;
  let row_start = (number % tiles) / tiles_n * TILE_M;
  let column_start = (number % tiles) % tiles_n * TILE_N;
  if (LOWER && column_start >= row_start + TILE_M) { return; }

  let x = thread % THREADS_N;
  let y = thread / THREADS_N;
  let what = errand(thread, row_start, column_start, batch);
  var sum00: mat4x4f;
  var sum01: mat4x4f;
  var sum10: mat4x4f;
  var sum11: mat4x4f;
  var buffer = 0u;
  stage(what, fetch(what, 0u), buffer);
  workgroupBarrier();
  for (var depth = 0u; depth < params.k; depth += TILE_K) {
    let next = fetch(what, depth + TILE_K);
    for (var k = buffer * TILE_K; k < (buffer + 1u) * TILE_K; k++) {
      let left0 = a_tiles[k * WIDTH_A + y];
      let right0 = b_tiles[k * WIDTH_B + x];
      sum00 = add_outer(sum00, left0, right0);
      if (WIDE_N) {
        let right1 = b_tiles[k * WIDTH_B + x + THREADS_N];
        sum01 = add_outer(sum01, left0, right1);
        if (WIDE_M) { sum11 = add_outer(sum11, a_tiles[k * WIDTH_A + y + WIDTH_A / 2u], right1); }
      }
      if (WIDE_M) { sum10 = add_outer(sum10, a_tiles[k * WIDTH_A + y + WIDTH_A / 2u], right0); }
    }
    buffer = 1u - buffer;
    stage(what, next, buffer);
    workgroupBarrier();
  }

  let base = batch * params.batch_c;
  let row = row_start + 4u * y;
  let column = column_start + 4u * x;
  // Tiles of symmetric matrices are square: only those on the diagonal cross it, and they are computed whole.
  let strictly_lower = column_start < row_start;
  put_mirrored(base, row, column, sum00, strictly_lower);
  if (WIDE_N) { put_mirrored(base, row, column + TILE_N / 2u, sum01, strictly_lower); }
  if (WIDE_M) { put_mirrored(base, row + TILE_M / 2u, column, sum10, strictly_lower); }
  if (WIDE_M && WIDE_N) { put_mirrored(base, row + TILE_M / 2u, column + TILE_N / 2u, sum11, strictly_lower); }
}
