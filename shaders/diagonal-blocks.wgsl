// The diagonal blocks of a triangular matrix, 64 × 64, one workgroup each: factored (`factor_block`: A = L·Lᵀ in place, and L⁻¹), or only
// inverted (`invert_blocks`). With the inverses at hand, everything else of a Cholesky factorisation or of a triangular solve
// is a matrix product (cholesky.ts, triangular.ts). Inverses lie one after the other, [blocks, 64, 64], zeros above the diagonal; a
// last block that is not full is continued by the identity.
//
// 256 threads hold 4 × 4 elements each of the block and of the inverse, all in registers; workgroup memory only carries one block column
// and one block row from step to step. 16 steps of 4 columns with two barriers each replace 64 steps of one column with
// three: what takes time here is the chain of dependent steps, not the arithmetic. Against blocks of 32 that were solved with, one row a
// thread, a factorisation of 512 took 437 ms instead of 733 on a software driver, and a solve with it 628 instead of 1,508.
//
// A mat4x4f holds a row of its block in each WGSL column, so a product X·Y of blocks is written y * x.
//
// A pivot that is not positive, or not a number, is noted in `status` (the smallest index wins; the caller looks after the last
// block) and replaced by 1, so that the steps already queued run on.

struct Params {
  workgroups: u32,
  // Rows from the first block of this dispatch to the matrix's end.
  size: u32,
  stride: u32,
  // Number of the first row in the whole matrix.
  first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> inverses: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> a: array<f32>;
@group(0) @binding(3) var<storage, read_write> status: array<u32>;

@group(0) @binding(2) var<storage, read> l: array<f32>;

const BLOCK = 64u;
const SIDE = 16u;
const THREADS = 256u;

var<workgroup> diagonal_inverse: mat4x4f;
var<workgroup> block_column: array<mat4x4f, SIDE>;
var<workgroup> block_row: array<mat4x4f, SIDE>;

const IDENTITY = mat4x4f(1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0);

// Positive, finite and not denormal, seen from the bits: compilers may assume that floats are never NaN.
fn is_positive(value: f32) -> bool {
  let bits = bitcast<u32>(value);
  return bits >= 0x00800000u && bits < 0x7f800000u;
}

fn root(pivot: f32, index: u32) -> f32 {
  if (is_positive(pivot)) { return sqrt(pivot); }
  status[0] = min(status[0], index);
  return 1.0;
}

fn factored(m: mat4x4f, index: u32) -> mat4x4f {
  let l00 = root(m[0].x, index);
  let l10 = m[1].x / l00;
  let l20 = m[2].x / l00;
  let l30 = m[3].x / l00;
  let l11 = root(m[1].y - l10 * l10, index + 1u);
  let l21 = (m[2].y - l20 * l10) / l11;
  let l31 = (m[3].y - l30 * l10) / l11;
  let l22 = root(m[2].z - l20 * l20 - l21 * l21, index + 2u);
  let l32 = (m[3].z - l30 * l20 - l31 * l21) / l22;
  let l33 = root(m[3].w - l30 * l30 - l31 * l31 - l32 * l32, index + 3u);
  return mat4x4f(l00, 0.0, 0.0, 0.0, l10, l11, 0.0, 0.0, l20, l21, l22, 0.0, l30, l31, l32, l33);
}

fn inverted(m: mat4x4f) -> mat4x4f {
  let i00 = 1.0 / m[0].x;
  let i11 = 1.0 / m[1].y;
  let i22 = 1.0 / m[2].z;
  let i33 = 1.0 / m[3].w;
  let i10 = -m[1].x * i00 * i11;
  let i20 = -(m[2].x * i00 + m[2].y * i10) * i22;
  let i21 = -m[2].y * i11 * i22;
  let i30 = -(m[3].x * i00 + m[3].y * i10 + m[3].z * i20) * i33;
  let i31 = -(m[3].y * i11 + m[3].z * i21) * i33;
  let i32 = -m[3].z * i22 * i33;
  return mat4x4f(i00, 0.0, 0.0, 0.0, i10, i11, 0.0, 0.0, i20, i21, i22, 0.0, i30, i31, i32, i33);
}

fn put_inverse(block: u32, row: u32, column: u32, rows: mat4x4f) {
  let at = ((block * BLOCK + row) * BLOCK + column) / 4u;
  inverses[at] = rows[0];
  inverses[at + BLOCK / 4u] = rows[1];
  inverses[at + 2u * BLOCK / 4u] = rows[2];
  inverses[at + 3u * BLOCK / 4u] = rows[3];
}

fn a_at(row: u32, column: u32) -> f32 {
  if (row >= params.size || column > row) { return f32(row == column); }
  return a[row * params.stride + column];
}

fn a_row(row: u32, column: u32) -> vec4f {
  return vec4f(a_at(row, column), a_at(row, column + 1u), a_at(row, column + 2u), a_at(row, column + 3u));
}

fn put_a(row: u32, column: u32, value: f32) {
  if (row < params.size && column <= row) { a[row * params.stride + column] = value; }
}

fn put_a_row(row: u32, column: u32, values: vec4f) {
  put_a(row, column, values.x);
  put_a(row, column + 1u, values.y);
  put_a(row, column + 2u, values.z);
  put_a(row, column + 3u, values.w);
}

@compute @workgroup_size(THREADS)
fn factor_block(@builtin(local_invocation_index) thread: u32) {
  let x = thread % SIDE;
  let y = thread / SIDE;
  let row = 4u * y;
  let column = 4u * x;
  var own = mat4x4f(a_row(row, column), a_row(row + 1u, column), a_row(row + 2u, column), a_row(row + 3u, column));
  var inverse = mat4x4f();
  if (x == y) { inverse = IDENTITY; }
  for (var step = 0u; step < SIDE; step++) {
    if (x == step && y == step) {
      own = factored(own, params.first + row);
      diagonal_inverse = inverted(own);
    }
    workgroupBarrier();
    if (x == step && y > step) {
      own = transpose(diagonal_inverse) * own;
      block_column[y] = own;
    }
    if (y == step && x <= step) {
      inverse = inverse * diagonal_inverse;
      block_row[x] = inverse;
    }
    workgroupBarrier();
    if (y > step && x <= step) { inverse -= block_row[x] * block_column[y]; }
    if (x > step && x <= y) { own -= transpose(block_column[x]) * block_column[y]; }
  }
  put_inverse(0u, row, column, inverse);
  put_a_row(row, column, own[0]);
  put_a_row(row + 1u, column, own[1]);
  put_a_row(row + 2u, column, own[2]);
  put_a_row(row + 3u, column, own[3]);
}

fn l_at(block: u32, row: u32, column: u32) -> f32 {
  let first = block * BLOCK;
  if (first + row >= params.size || column > row) { return f32(row == column); }
  return l[(first + row) * params.stride + first + column];
}

fn l_row(block: u32, row: u32, column: u32) -> vec4f {
  return vec4f(
    l_at(block, row, column),
    l_at(block, row, column + 1u),
    l_at(block, row, column + 2u),
    l_at(block, row, column + 3u),
  );
}

@compute @workgroup_size(THREADS)
fn invert_blocks(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let block = group.x + group.y * groups.x;
  if (block >= params.workgroups) { return; }
  let x = thread % SIDE;
  let y = thread / SIDE;
  let row = 4u * y;
  let column = 4u * x;
  let own = mat4x4f(
    l_row(block, row, column),
    l_row(block, row + 1u, column),
    l_row(block, row + 2u, column),
    l_row(block, row + 3u, column),
  );
  var inverse = mat4x4f();
  if (x == y) { inverse = IDENTITY; }
  for (var step = 0u; step < SIDE; step++) {
    if (x == step && y == step) { diagonal_inverse = inverted(own); }
    workgroupBarrier();
    if (x == step && y > step) { block_column[y] = own; }
    if (y == step && x <= step) {
      inverse = inverse * diagonal_inverse;
      block_row[x] = inverse;
    }
    workgroupBarrier();
    if (y > step && x <= step) { inverse -= block_row[x] * block_column[y]; }
  }
  put_inverse(block, row, column, inverse);
}
