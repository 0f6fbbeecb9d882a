// Columns of a matrix overwritten by another: target[i, start + j] = source[i, j], for a target [n, target_width] and a source [n, width].
//
// One thread an element of the source; it waits for memory only. Keys and values of new tokens get to their places in a cache this way,
// without a copy of what is there already.

struct Params {
  workgroups: u32,
  size: u32,
  width: u32,
  target_width: u32,
  start: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read_write> target_matrix: array<f32>;

const THREADS = 256u;

@compute @workgroup_size(THREADS)
fn write_columns(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let at = (group.x + group.y * groups.x) * THREADS + thread;
  if (at >= params.size) { return; }
  target_matrix[at / params.width * params.target_width + params.start + at % params.width] = source[at];
}
