// One step of Adam on δ, the vector that turns into an edit's target, with weight decay and projection as in memit/compute_z.py of the
// reference (kmeng01/memit): g ← g + decay·δ/‖δ‖, the moments and the step exactly as torch.optim.Adam takes them, then δ scaled
// back to maxNorm. Joined with reduction.wgsl.
//
// One workgroup of 256 takes one edit, since both norms are sums over the whole of δ; δ, both moments and the gradient are
// [edits, width]. The bias corrections come from the caller, who has them in double precision.

struct Params {
  workgroups: u32,
  width: u32,
  beta1: f32,
  beta2: f32,
  // 1 − β₁ and 1 − β₂, which would lose digits if they were taken here.
  one_minus_beta1: f32,
  one_minus_beta2: f32,
  epsilon: f32,
  // lr / (1 − β₁^t)
  step_size: f32,
  // √(1 − β₂^t)
  correction: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> delta: array<f32>;
@group(0) @binding(2) var<storage, read_write> first_moment: array<f32>;
@group(0) @binding(3) var<storage, read_write> second_moment: array<f32>;
@group(0) @binding(4) var<storage, read> gradient: array<f32>;
@group(0) @binding(5) var<storage, read> decay: array<f32>;
@group(0) @binding(6) var<storage, read> max_norm: array<f32>;

const THREADS = 256u;

@compute @workgroup_size(THREADS)
fn adam_step(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let edit = group.x + group.y * groups.x;
  if (edit >= params.workgroups) { return; }
  let start = edit * params.width;
  let end = start + params.width;

  var squares = 0.0;
  for (var at = start + thread; at < end; at += THREADS) { squares += delta[at] * delta[at]; }
  let norm = sqrt(sum_over_threads(squares, thread));
  // ‖δ‖ has no gradient at 0; autograd takes 0 there.
  var pull = 0.0;
  if (norm > 0.0) { pull = decay[edit] / norm; }

  squares = 0.0;
  for (var at = start + thread; at < end; at += THREADS) {
    let total = gradient[at] + pull * delta[at];
    let first = params.beta1 * first_moment[at] + params.one_minus_beta1 * total;
    let second = params.beta2 * second_moment[at] + params.one_minus_beta2 * total * total;
    let stepped = delta[at] - params.step_size * first / (sqrt(second) / params.correction + params.epsilon);
    first_moment[at] = first;
    second_moment[at] = second;
    delta[at] = stepped;
    squares += stepped * stepped;
  }
  let reached = sqrt(sum_over_threads(squares, thread));
  if (reached > max_norm[edit]) {
    let scale = max_norm[edit] / reached;
    for (var at = start + thread; at < end; at += THREADS) { delta[at] *= scale; }
  }
}
