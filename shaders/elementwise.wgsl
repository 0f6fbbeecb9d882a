// What goes over a tensor once: alpha·A + beta·B, the transpose, and sums of slices. All of it waits for memory, so each is the
// plainest kernel there is: one thread an element of the result.

struct Params {
  workgroups: u32,
  size: u32,
  // Of the matrix that is transposed.
  columns: u32,
  alpha: f32,
  beta: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> combined: array<f32>;

const THREADS = 256u;

@compute @workgroup_size(THREADS)
fn add_scaled(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let at = (group.x + group.y * groups.x) * THREADS + thread;
  if (at >= params.size) { return; }
  combined[at] = params.alpha * a[at] + params.beta * b[at];
}

@group(0) @binding(2) var<storage, read_write> result: array<f32>;

// beta · result + alpha · (the sum of the rows of A [size / columns, columns]); where beta is 0, the result may hold anything.
@compute @workgroup_size(THREADS)
fn sum_slices(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let at = (group.x + group.y * groups.x) * THREADS + thread;
  if (at >= params.columns) { return; }
  var sum = 0.0;
  for (var i = at; i < params.size; i += params.columns) { sum += a[i]; }
  sum *= params.alpha;
  if (params.beta != 0.0) { sum += params.beta * result[at]; }
  result[at] = sum;
}

// [size / columns, columns] → [columns, size / columns]
@compute @workgroup_size(THREADS)
fn transpose(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let at = (group.x + group.y * groups.x) * THREADS + thread;
  if (at >= params.size) { return; }
  let rows = params.size / params.columns;
  result[at] = a[(at % rows) * params.columns + at / rows];
}
