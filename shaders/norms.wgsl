// Sums of squares: the norms of a matrix's rows, and partial sums over a whole tensor. Joined with reduction.wgsl.
//
// `row_norms` has one workgroup a row. `sum_of_squares` has a fixed number of workgroups that stride over the tensor and leave one
// partial sum each, which the caller adds up in double precision.

struct Params {
  workgroups: u32,
  // Elements of a row, or of the tensor.
  size: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

const THREADS = 256u;

@compute @workgroup_size(THREADS)
fn row_norms(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.workgroups) { return; }
  var squares = 0.0;
  for (var column = thread; column < params.size; column += THREADS) {
    let value = x[row * params.size + column];
    squares += value * value;
  }
  let sum = sum_over_threads(squares, thread);
  if (thread == 0u) { result[row] = sqrt(sum); }
}

@compute @workgroup_size(THREADS)
fn sum_of_squares(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let number = group.x + group.y * groups.x;
  if (number >= params.workgroups) { return; }
  var squares = 0.0;
  for (var at = number * THREADS + thread; at < params.size; at += params.workgroups * THREADS) {
    squares += x[at] * x[at];
  }
  let sum = sum_over_threads(squares, thread);
  if (thread == 0u) { result[number] = sum; }
}
