// What the blocked Cholesky factorisation of cholesky.ts needs beside diagonal-blocks.wgsl and matmul.wgsl, which do the work: columns of
// L are computed in a workspace, because a kernel cannot read and write one buffer through two bindings, and put in place here.

struct Params {
  workgroups: u32,
  rows: u32,
  columns: u32,
  stride: u32,
  // Number of the first row, counted from the first column.
  first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> a: array<f32>;
@group(0) @binding(2) var<storage, read> panel: array<f32>;

const THREADS = 256u;
const BLOCK = 64u;
const PANEL = 256u;

// Rows of the panel [rows, columns ≤ 256] into A, below each column's diagonal block, which is in place already.
@compute @workgroup_size(THREADS)
fn store_panel(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.rows || thread >= params.columns) { return; }
  if ((params.first + row) / BLOCK > thread / BLOCK) { a[row * params.stride + thread] = panel[row * PANEL + thread]; }
}

// Zeros above the diagonal, one row a workgroup.
@compute @workgroup_size(THREADS)
fn clear_upper(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.rows) { return; }
  for (var column = params.first + row + 1u + thread; column < params.columns; column += THREADS) {
    a[row * params.stride + column] = 0.0;
  }
}
