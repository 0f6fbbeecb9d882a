// Whole rows of a matrix [rows, width]: picked by index, and added to by index.
//
// `gather_rows` has one thread an element. `scatter_add_rows` has one thread a column, which walks the indices in order: an
// index may repeat, and the sums then come out the same every time, which atomics (that floats do not have here
// anyway) would not give. The few rows of an edit make that walk short.

struct Params {
  workgroups: u32,
  width: u32,
  count: u32,
  alpha: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read> indices: array<i32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;

const THREADS = 256u;
const COLUMN_THREADS = 64u;

@compute @workgroup_size(THREADS)
fn gather_rows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let at = (group.x + group.y * groups.x) * THREADS + thread;
  if (at >= params.count * params.width) { return; }
  result[at] = source[u32(indices[at / params.width]) * params.width + at % params.width];
}

// result[indices[i]] += alpha · source[i]
@compute @workgroup_size(COLUMN_THREADS)
fn scatter_add_rows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let column = (group.x + group.y * groups.x) * COLUMN_THREADS + thread;
  if (column >= params.width) { return; }
  for (var i = 0u; i < params.count; i++) {
    result[u32(indices[i]) * params.width + column] += params.alpha * source[i * params.width + column];
  }
}
