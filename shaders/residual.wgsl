// The residual K − (λC + KKᵀ)A of the regularised system, in two-float arithmetic: about 40 bits, where f32 has 24. Refinement
// with it reaches a solution that is right to f32, from a factorisation that is not.
//
// A number is a pair (high, low) with |low| ≤ half a unit in the last place of high. Everything here keeps one key and one
// right-hand side a column: K and A are [size, count]. `inner_products` makes T = KᵀA (pairs, [count, count]); `residual` then makes
// K − λ(C·A) − K·T. Both are plain tiled products, 16 × 16 outputs a workgroup and one a thread; the arithmetic, not
// memory, is what they wait for.
//
// Products: each factor is split by its bits into two halves of 12 bits, so that the four partial products are exact.
// Sums: Knuth's two-sum, whose error term is algebraically zero. WGSL lets compilers reassociate and fuse, which would make it
// really zero, so each intermediate goes through `opaque`: an xor with a parameter that the compiler cannot know to be 0.
// `check_primitives` shows what came of it: the engine runs it once per device, before it relies on any of this.

struct Params {
  workgroups: u32,
  // Always 0.
  zero: u32,
  size: u32,
  count: u32,
  covariance_weight: f32,
  // The rows of C that are bound, and of the residual that are computed.
  first: u32,
  rows: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> keys: array<f32>;
@group(0) @binding(2) var<storage, read> solution: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> products: array<vec2f>;

@group(0) @binding(3) var<storage, read> known_products: array<vec2f>;
@group(0) @binding(4) var<storage, read> covariance: array<f32>;
@group(0) @binding(5) var<storage, read_write> residuals: array<f32>;

const TILE = 16u;
const THREADS = 256u;

fn opaque(value: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(value) ^ params.zero);
}

// The rounded sum and its rounding error.
fn two_sum(a: f32, b: f32) -> vec2f {
  let sum = opaque(a + b);
  let b_part = opaque(sum - a);
  let a_part = opaque(sum - b_part);
  let a_error = opaque(a - a_part);
  let b_error = opaque(b - b_part);
  return vec2f(sum, opaque(a_error + b_error));
}

// The upper 12 bits of a float, rounded, and what is left of it: 12 bits at most.
fn split(value: f32) -> vec2f {
  let high = bitcast<f32>((bitcast<u32>(value) + 0x800u) & 0xfffff000u);
  return vec2f(high, opaque(value - high));
}

// sum + a · (b + b_tail) with `a` and `b` split; the low part is left unnormalised.
fn add_product(sum: vec2f, a: vec2f, b: vec2f, b_tail: f32) -> vec2f {
  let high = two_sum(sum.x, a.x * b.x);
  let low = (a.x * b.y + a.y * b.x) + (a.y * b.y + (a.x + a.y) * b_tail);
  return vec2f(high.x, sum.y + (high.y + low));
}

fn normalized(pair: vec2f) -> vec2f {
  return two_sum(pair.x, pair.y);
}

// Both tiles hold split values, so that each is split once and used 16 times.
var<workgroup> left_tile: array<array<vec2f, TILE>, TILE>;
var<workgroup> right_tile: array<array<vec3f, TILE>, TILE>;

fn stage_left(depth: u32, row: u32, value: f32) {
  left_tile[depth][row] = split(value);
}

fn stage_right(depth: u32, column: u32, value: vec2f) {
  right_tile[depth][column] = vec3f(split(value.x), value.y);
}

// Normalised after each tile: the low part then never grows so far that its own rounding counts.
fn add_tile(sum: vec2f, row: u32, column: u32) -> vec2f {
  var total = sum;
  for (var depth = 0u; depth < TILE; depth++) {
    let right = right_tile[depth][column];
    total = add_product(total, left_tile[depth][row], right.xy, right.z);
  }
  return normalized(total);
}

fn key_at(row: u32, column: u32) -> f32 {
  if (row >= params.size || column >= params.count) { return 0.0; }
  return keys[row * params.count + column];
}

fn solution_at(row: u32, column: u32) -> vec2f {
  if (row >= params.size || column >= params.count) { return vec2f(); }
  return solution[row * params.count + column];
}

@compute @workgroup_size(TILE, TILE)
fn inner_products(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let number = group.x + group.y * groups.x;
  if (number >= params.workgroups) { return; }
  let tiles_n = (params.count + TILE - 1u) / TILE;
  let row_start = (number / tiles_n) * TILE;
  let column_start = (number % tiles_n) * TILE;
  var sum = vec2f();
  for (var start = 0u; start < params.size; start += TILE) {
    let depth = start + local.y;
    stage_left(local.y, local.x, key_at(depth, row_start + local.x));
    stage_right(local.y, local.x, solution_at(depth, column_start + local.x));
    workgroupBarrier();
    sum = add_tile(sum, local.y, local.x);
    workgroupBarrier();
  }
  let row = row_start + local.y;
  let column = column_start + local.x;
  if (row < params.count && column < params.count) {
    products[row * params.count + column] = sum;
  }
}

// `row` counts from the first one that is bound.
fn covariance_at(row: u32, column: u32) -> f32 {
  if (row >= params.rows || column >= params.size) { return 0.0; }
  return covariance[row * params.size + column];
}

fn product_at(row: u32, column: u32) -> vec2f {
  if (row >= params.count || column >= params.count) { return vec2f(); }
  return known_products[row * params.count + column];
}

@compute @workgroup_size(TILE, TILE)
fn residual(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let number = group.x + group.y * groups.x;
  if (number >= params.workgroups) { return; }
  let tiles_n = (params.count + TILE - 1u) / TILE;
  let row_start = (number / tiles_n) * TILE;
  let column = (number % tiles_n) * TILE + local.x;

  var covariance_product = vec2f();
  for (var start = 0u; start < params.size; start += TILE) {
    // Neighbouring threads read along C's rows.
    stage_left(local.x, local.y, covariance_at(row_start + local.y, start + local.x));
    stage_right(local.y, local.x, solution_at(start + local.y, column));
    workgroupBarrier();
    covariance_product = add_tile(covariance_product, local.y, local.x);
    workgroupBarrier();
  }
  var sum = add_product(vec2f(), split(params.covariance_weight), split(covariance_product.x), covariance_product.y);
  for (var start = 0u; start < params.count; start += TILE) {
    stage_left(local.y, local.x, key_at(params.first + row_start + local.x, start + local.y));
    stage_right(local.y, local.x, product_at(start + local.y, column));
    workgroupBarrier();
    sum = add_tile(sum, local.y, local.x);
    workgroupBarrier();
  }
  let row = row_start + local.y;
  if (row < params.rows && column < params.count) {
    let at = (params.first + row) * params.count + column;
    let difference = two_sum(keys[at], -sum.x);
    residuals[at] = difference.x + (difference.y - sum.y);
  }
}

@group(0) @binding(1) var<storage, read> previous: array<vec2f>;
@group(0) @binding(2) var<storage, read> correction: array<f32>;
@group(0) @binding(3) var<storage, read_write> corrected: array<vec2f>;

// The refinement's step, element by element: A + correction.
@compute @workgroup_size(THREADS)
fn add_correction(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let at = (group.x + group.y * groups.x) * THREADS + thread;
  if (at >= params.size * params.count) { return; }
  let sum = two_sum(previous[at].x, correction[at]);
  corrected[at] = normalized(vec2f(sum.x, sum.y + previous[at].y));
}

@group(0) @binding(2) var<storage, read_write> rounded: array<f32>;

// The float32 nearest to each pair, transposed to one solution a row: [count, size].
@compute @workgroup_size(THREADS)
fn round_rows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let at = (group.x + group.y * groups.x) * THREADS + thread;
  if (at >= params.size * params.count) { return; }
  rounded[at] = previous[(at % params.size) * params.count + at / params.size].x;
}

struct Primitives {
  sum: vec2f,
  halves: vec2f,
  product: vec2f,
}

@group(0) @binding(2) var<storage, read_write> checked: array<Primitives>;

// For each pair (a, b): a + b as two_sum has it, the halves of a, and a · b as add_product has it.
@compute @workgroup_size(THREADS)
fn check_primitives(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let at = (group.x + group.y * groups.x) * THREADS + thread;
  if (at >= params.size * params.count) { return; }
  let pair = previous[at];
  let halves = split(pair.x);
  let product = add_product(vec2f(), halves, split(pair.y), 0.0);
  checked[at] = Primitives(two_sum(pair.x, pair.y), halves, product);
}
