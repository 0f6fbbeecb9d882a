// C = alpha · op(A) · op(B), or C += that: op(A) is [m, k], op(B) is [k, n], each row-major with a stride of its own between rows, so
// that a block of a larger matrix will do. Joined with operands-vec4.wgsl or operands-scalar.wgsl, which read and write memory, and with
// left-workgroup.wgsl or left-quad.wgsl, which hand the elements of A to the threads.
//
// A workgroup computes a TILE_M × TILE_N tile of C, a thread 4 × 4 elements of it or up to 8 × 8, as one, two or four blocks of 4 × 4. What
// is done for speed, and why:
// 1. Workgroup tiles: what is read from memory once serves TILE_M or TILE_N products.
// 2. Register tiles: what is read from workgroup memory serves 4 or 8 products. The blocks are mat4x4f, whose columns no
//    compiler can be tempted to index at run time: arrays of registers sometimes end up in memory.
// 3. vec4 loads from memory and from workgroup memory: a fourth of the instructions. A thread loads a block of 4 × 4 and
//    transposes it in its registers where k runs along the rows, so both tiles lie with k outermost in every orientation.
// 4. Double buffering: the next tiles are on their way from memory while this one is multiplied, and one barrier a step is enough.
// 5. Nothing but products in the innermost loop: compilers of WGSL clamp every index that they cannot prove, and count the rounds of
//    every loop that they cannot see the end of. So loops over the tiles run from zero to constants, and indices are made of
//    their counters alone. What is read from memory beyond a matrix's rows or columns is not masked either: it is not written.
// 6. Where quads of a subgroup can hand on what they read, a fourth of the reads of A from workgroup memory is enough.
// 7. Where workgroup memory is ordinary memory (drivers that run on the CPU, some GPUs of phones), nothing is staged: `matmul_direct` reads
//    from memory what it multiplies.
// 8. Tile shapes are constants that the host sets (tiles.ts), per adapter and shape.
// docs/performance.md has what they bought.
//
// LOWER leaves out the tiles above the diagonal (symmetric C), MIRROR writes what is below it to its mirror place too. Batches lie
// `batch_*` elements apart; a product with few tiles and a long k is cut into a batch along k (sum_slices of elementwise.wgsl adds it up).

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

@group(0) @binding(0) var<uniform> params: Params;

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
// From a thread's first block of rows (of columns) to its second.
override HALF_A: u32 = select(0u, WIDTH_A / 2u, WIDE_M);
override HALF_B: u32 = select(0u, WIDTH_B / 2u, WIDE_N);
override BLOCKS_A: u32 = WIDTH_A * DEPTH;
override BLOCKS: u32 = BLOCKS_A + WIDTH_B * DEPTH;

var<workgroup> a_tiles: array<vec4f, 2u * TILE_K * WIDTH_A>;
var<workgroup> b_tiles: array<vec4f, 2u * TILE_K * WIDTH_B>;

const IOTA = vec4u(0u, 1u, 2u, 3u);

// Where a 4 × 4 block of an operand lies in memory, for the tile's first k.
struct BlockSource {
  is_a: bool,
  // The block's first k, inside the tile.
  k: u32,
  // Its four vectors, and how many elements further they are for each k.
  vectors: vec4u,
  step: u32,
}

// Whether the elements of a vector in memory go along k, not along the rows or columns of C.
fn along_k(is_a: bool) -> bool {
  return select(TRANSPOSE_B, !TRANSPOSE_A, is_a);
}

// `across` is the first of the block's rows of C (columns, for B). What is beyond the operand ends up beyond C, and is not written:
// anything may be read instead.
fn block_source(is_a: bool, k: u32, across: u32, batch: u32) -> BlockSource {
  let stride = select(params.stride_b, params.stride_a, is_a);
  let last = select(params.n, params.m, is_a) - 1u;
  let base = batch * select(params.batch_b, params.batch_a, is_a);
  return BlockSource(
    is_a,
    k,
    base + select(
      (k + IOTA) * stride + min(across, last / 4u * 4u),
      min(across + IOTA, vec4u(last)) * stride + k,
      along_k(is_a),
    ),
    select(stride, 1u, along_k(is_a)),
  );
}

// Rows of the result run along k.
fn load_block(source: BlockSource, depth: u32) -> mat4x4f {
  let k = depth + source.k;
  if (k >= params.k) { return mat4x4f(); }
  let at = source.vectors + depth * source.step;
  var block: mat4x4f;
  if (source.is_a) {
    block = mat4x4f(a_vector(at.x), a_vector(at.y), a_vector(at.z), a_vector(at.w));
    if (!TRANSPOSE_A) { block = transpose(block); }
  } else {
    block = mat4x4f(b_vector(at.x), b_vector(at.y), b_vector(at.z), b_vector(at.w));
    if (TRANSPOSE_B) { block = transpose(block); }
  }
  if (k + 4u > params.k) {
    if (k + 1u >= params.k) { block[1] = vec4f(); }
    if (k + 2u >= params.k) { block[2] = vec4f(); }
    if (k + 3u >= params.k) { block[3] = vec4f(); }
  }
  return block;
}

// A thread's share in loading the tiles of A and B into workgroup memory: one block at every step, or none.
struct TileLoad {
  source: BlockSource,
  is_active: bool,
  // Of the block's first vector in a tile.
  index: u32,
}

fn tile_load(thread: u32, tile: Tile) -> TileLoad {
  let is_a = thread < BLOCKS_A;
  let number = select(thread - BLOCKS_A, thread, is_a);
  let width = select(WIDTH_B, WIDTH_A, is_a);
  // Neighbouring threads go along the rows in memory.
  let k = 4u * select(number / width, number % DEPTH, along_k(is_a));
  let across4 = select(number % width, number / DEPTH, along_k(is_a));
  let across = select(tile.column, tile.row, is_a) + 4u * across4;
  return TileLoad(block_source(is_a, k, across, tile.batch), thread < BLOCKS, k * width + across4);
}

// From memory into registers.
fn load_tile(load: TileLoad, depth: u32) -> mat4x4f {
  if (!load.is_active) { return mat4x4f(); }
  return load_block(load.source, depth);
}

// From registers into one of the two buffers in workgroup memory.
fn stage_tile(load: TileLoad, block: mat4x4f, buffer: u32) {
  if (!load.is_active) { return; }
  if (load.source.is_a) {
    let at = buffer * TILE_K * WIDTH_A + load.index;
    a_tiles[at] = block[0];
    a_tiles[at + WIDTH_A] = block[1];
    a_tiles[at + 2u * WIDTH_A] = block[2];
    a_tiles[at + 3u * WIDTH_A] = block[3];
  } else {
    let at = buffer * TILE_K * WIDTH_B + load.index;
    b_tiles[at] = block[0];
    b_tiles[at + WIDTH_B] = block[1];
    b_tiles[at + 2u * WIDTH_B] = block[2];
    b_tiles[at + 3u * WIDTH_B] = block[3];
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

// What a thread computes of C, in blocks: one above the other and beside each other.
struct Sums {
  s00: mat4x4f,
  s01: mat4x4f,
  s10: mat4x4f,
  s11: mat4x4f,
}

fn multiplied(before: Sums, left0: vec4f, left1: vec4f, right0: vec4f, right1: vec4f) -> Sums {
  var sums = before;
  sums.s00 = add_outer(sums.s00, left0, right0);
  if (WIDE_N) { sums.s01 = add_outer(sums.s01, left0, right1); }
  if (WIDE_M) { sums.s10 = add_outer(sums.s10, left1, right0); }
  if (WIDE_M && WIDE_N) { sums.s11 = add_outer(sums.s11, left1, right1); }
  return sums;
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

// The tile of C that a workgroup computes.
struct Tile {
  batch: u32,
  row: u32,
  column: u32,
}

fn tile_of(number: u32) -> Tile {
  let tiles_n = (params.n + TILE_N - 1u) / TILE_N;
  let tiles = tiles_n * ((params.m + TILE_M - 1u) / TILE_M);
  let within = number % tiles;
  return Tile(number / tiles, within / tiles_n * TILE_M, within % tiles_n * TILE_N);
}

fn is_skipped(tile: Tile) -> bool {
  return LOWER && tile.column >= tile.row + TILE_M;
}

// `x` and `y` number a thread's first blocks of columns and rows.
fn put_tile(tile: Tile, x: u32, y: u32, sums: Sums) {
  let base = tile.batch * params.batch_c;
  let row = tile.row + 4u * y;
  let column = tile.column + 4u * x;
  // Tiles of symmetric matrices are square: only those on the diagonal cross it, and they are computed whole.
  let strictly_lower = tile.column < tile.row;
  put_mirrored(base, row, column, sums.s00, strictly_lower);
  if (WIDE_N) { put_mirrored(base, row, column + TILE_N / 2u, sums.s01, strictly_lower); }
  if (WIDE_M) { put_mirrored(base, row + TILE_M / 2u, column, sums.s10, strictly_lower); }
  if (WIDE_M && WIDE_N) { put_mirrored(base, row + TILE_M / 2u, column + TILE_N / 2u, sums.s11, strictly_lower); }
}

@compute @workgroup_size(THREADS)
fn matmul(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let number = group.x + group.y * groups.x;
  if (number >= params.workgroups) { return; }
  let tile = tile_of(number);
  if (is_skipped(tile)) { return; }

  let x = thread % THREADS_N;
  let y = thread / THREADS_N;
  let load = tile_load(thread, tile);
  var sums: Sums;
  stage_tile(load, load_tile(load, 0u), 0u);
  workgroupBarrier();
  for (var depth = 0u; depth < params.k; depth += 2u * TILE_K) {
    for (var buffer = 0u; buffer < 2u; buffer++) {
      let next = load_tile(load, depth + (buffer + 1u) * TILE_K);
      for (var k4 = 0u; k4 < DEPTH; k4++) {
        let k = buffer * TILE_K + 4u * k4;
        let own = (k + x % 4u) * WIDTH_A + y;
        let own0 = a_tiles[own];
        let own1 = a_tiles[own + HALF_A];
        let at_a = k * WIDTH_A + y;
        let at_b = k * WIDTH_B + x;
        sums = multiplied(
          sums,
          left(a_tiles[at_a], own0, 0u),
          left(a_tiles[at_a + HALF_A], own1, 0u),
          b_tiles[at_b],
          b_tiles[at_b + HALF_B],
        );
        sums = multiplied(
          sums,
          left(a_tiles[at_a + WIDTH_A], own0, 1u),
          left(a_tiles[at_a + WIDTH_A + HALF_A], own1, 1u),
          b_tiles[at_b + WIDTH_B],
          b_tiles[at_b + WIDTH_B + HALF_B],
        );
        sums = multiplied(
          sums,
          left(a_tiles[at_a + 2u * WIDTH_A], own0, 2u),
          left(a_tiles[at_a + 2u * WIDTH_A + HALF_A], own1, 2u),
          b_tiles[at_b + 2u * WIDTH_B],
          b_tiles[at_b + 2u * WIDTH_B + HALF_B],
        );
        sums = multiplied(
          sums,
          left(a_tiles[at_a + 3u * WIDTH_A], own0, 3u),
          left(a_tiles[at_a + 3u * WIDTH_A + HALF_A], own1, 3u),
          b_tiles[at_b + 3u * WIDTH_B],
          b_tiles[at_b + 3u * WIDTH_B + HALF_B],
        );
      }
      stage_tile(load, next, 1u - buffer);
      workgroupBarrier();
    }
  }

  put_tile(tile, x, y, sums);
}

// The product without workgroup memory or barriers: threads that need the same block each read it, from caches if all goes well.
@compute @workgroup_size(THREADS)
fn matmul_direct(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let number = group.x + group.y * groups.x;
  if (number >= params.workgroups) { return; }
  let tile = tile_of(number);
  if (is_skipped(tile)) { return; }

  let x = thread % THREADS_N;
  let y = thread / THREADS_N;
  let rows0 = block_source(true, 0u, tile.row + 4u * y, tile.batch);
  let rows1 = block_source(true, 0u, tile.row + 4u * y + TILE_M / 2u, tile.batch);
  let columns0 = block_source(false, 0u, tile.column + 4u * x, tile.batch);
  let columns1 = block_source(false, 0u, tile.column + 4u * x + TILE_N / 2u, tile.batch);
  var sums: Sums;
  for (var depth = 0u; depth < params.k; depth += 4u) {
    let left0 = load_block(rows0, depth);
    let right0 = load_block(columns0, depth);
    var left1: mat4x4f;
    var right1: mat4x4f;
    if (WIDE_M) { left1 = load_block(rows1, depth); }
    if (WIDE_N) { right1 = load_block(columns1, depth); }
    sums = multiplied(sums, left0[0], left1[0], right0[0], right1[0]);
    sums = multiplied(sums, left0[1], left1[1], right0[1], right1[1]);
    sums = multiplied(sums, left0[2], left1[2], right0[2], right1[2]);
    sums = multiplied(sums, left0[3], left1[3], right0[3], right1[3]);
  }
  put_tile(tile, x, y, sums);
}
