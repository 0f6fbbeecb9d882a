// C = alpha · op(A) · op(B), or C += that, where C has at most 16 columns: op(A) is [m, k], op(B) is [k, n], n ≤ 16. Joined with
// lanes-workgroup.wgsl or lanes-subgroup.wgsl.
//
// Every element of A is used n times only, so the aim is to read A once and fast; tiles as in matmul.wgsl would multiply mostly
// padding. 256 threads are 8 groups of 32 lanes; a thread keeps 4 rows of C in registers, so that what it loads of B serves 4 rows.
// Where A's rows lie along k (`rows`), the lanes go along k, a group takes 4 rows, and the lanes' sums are added at the end: with
// subgroup operations where the device has them. Where A is stored [k, m] (`columns`), the lanes go along m and the groups share k.
// B and C have a step for either axis: with those exchanged, a product with few rows is one with few columns. Against tiles of 64 × 64, a
// product of 512 × 4 × 512 took 25 ms instead of 161 on a software driver; such drivers are faster still with narrow tiles of
// matmul.wgsl's direct kind, whose few threads would leave a GPU idle.

struct Params {
  workgroups: u32,
  m: u32,
  n: u32,
  k: u32,
  stride_a: u32,
  // From one element of op(B) to the next along k and along n; of C along m and along n.
  step_b_k: u32,
  step_b_n: u32,
  step_c_m: u32,
  step_c_n: u32,
  alpha: f32,
  // 1: add to C; 0: overwrite it.
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Stored>;
@group(0) @binding(2) var<storage, read> b: array<Stored>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

// Vectors of four that hold a row of C: 1, 2 or 4.
override VECTORS: u32 = 4u;

const GROUPS = 8u;
const LANES = 32u;
const THREADS = GROUPS * LANES;
const ROWS = 4u;

fn b_vector(k: u32, column: u32) -> vec4f {
  let at = k * params.step_b_k + column * params.step_b_n;
  let step = params.step_b_n;
  let values = vec4f(f32(b[at]), f32(b[at + step]), f32(b[at + 2u * step]), f32(b[at + 3u * step]));
  return select(vec4f(), values, vec4u(column, column + 1u, column + 2u, column + 3u) < vec4u(params.n));
}

// One row of op(B), up to 16 columns of it.
fn b_row(k: u32) -> mat4x4f {
  var row = mat4x4f(b_vector(k, 0u), vec4f(), vec4f(), vec4f());
  if (VECTORS > 1u) { row[1] = b_vector(k, 4u); }
  if (VECTORS > 2u) {
    row[2] = b_vector(k, 8u);
    row[3] = b_vector(k, 12u);
  }
  return row;
}

fn put(row: u32, column: u32, sums: vec4f) {
  if (row >= params.m) { return; }
  for (var i = 0u; i < min(4u, max(params.n, column) - column); i++) {
    let at = row * params.step_c_m + (column + i) * params.step_c_n;
    let value = params.alpha * sums[i];
    if (params.accumulate == 1u) { c[at] += value; } else { c[at] = value; }
  }
}

fn a_in_row(row: u32, k: u32) -> f32 {
  if (row >= params.m) { return 0.0; }
  return f32(a[row * params.stride_a + k]);
}

fn put_lanes(thread: u32, row: u32, sums: mat4x4f) {
  for (var v = 0u; v < VECTORS; v++) {
    let total = sum_of_lanes(thread, sums[v]);
    if (thread % LANES == 0u) { put(row, 4u * v, total); }
  }
}

@compute @workgroup_size(THREADS)
fn rows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let number = group.x + group.y * groups.x;
  if (number >= params.workgroups) { return; }
  let row = (number * GROUPS + thread / LANES) * ROWS;
  var sums0: mat4x4f;
  var sums1: mat4x4f;
  var sums2: mat4x4f;
  var sums3: mat4x4f;
  for (var k = thread % LANES; k < params.k; k += LANES) {
    let right = b_row(k);
    sums0 += a_in_row(row, k) * right;
    sums1 += a_in_row(row + 1u, k) * right;
    sums2 += a_in_row(row + 2u, k) * right;
    sums3 += a_in_row(row + 3u, k) * right;
  }
  put_lanes(thread, row, sums0);
  put_lanes(thread, row + 1u, sums1);
  put_lanes(thread, row + 2u, sums2);
  put_lanes(thread, row + 3u, sums3);
}

var<workgroup> partial_sums: array<vec4f, THREADS>;

fn a_in_column(row: u32, k: u32) -> f32 {
  if (row >= params.m) { return 0.0; }
  return f32(a[k * params.stride_a + row]);
}

fn put_groups(thread: u32, row: u32, sums: mat4x4f) {
  for (var v = 0u; v < VECTORS; v++) {
    partial_sums[thread] = sums[v];
    workgroupBarrier();
    if (thread < LANES) {
      var total = vec4f();
      for (var g = 0u; g < GROUPS; g++) { total += partial_sums[g * LANES + thread]; }
      put(row, 4u * v, total);
    }
    workgroupBarrier();
  }
}

@compute @workgroup_size(THREADS)
fn columns(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let number = group.x + group.y * groups.x;
  if (number >= params.workgroups) { return; }
  let row = number * LANES * ROWS + thread % LANES;
  var sums0: mat4x4f;
  var sums1: mat4x4f;
  var sums2: mat4x4f;
  var sums3: mat4x4f;
  for (var k = thread / LANES; k < params.k; k += GROUPS) {
    let right = b_row(k);
    sums0 += a_in_column(row, k) * right;
    sums1 += a_in_column(row + LANES, k) * right;
    sums2 += a_in_column(row + 2u * LANES, k) * right;
    sums3 += a_in_column(row + 3u * LANES, k) * right;
  }
  put_groups(thread, row, sums0);
  put_groups(thread, row + LANES, sums1);
  put_groups(thread, row + 2u * LANES, sums2);
  put_groups(thread, row + 3u * LANES, sums3);
}
