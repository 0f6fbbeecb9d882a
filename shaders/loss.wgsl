// Losses over rows of logits [rows, width], with their gradients in the same pass: cross entropy, KL divergence, log softmax. Joined
// with reduction.wgsl.
//
// One workgroup of 256 takes one row: the threads stride over it for the maximum, for Σ exp(logit − maximum) and for the
// result, so the row is read three times but nothing the size of the logits is kept in between. Subtracting the
// maximum keeps exp in range whatever the logits are.

struct Params {
  workgroups: u32,
  width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<i32>;
@group(0) @binding(2) var<storage, read> reference: array<f32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;
@group(0) @binding(5) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> log_probabilities: array<f32>;

const THREADS = 256u;
const LOWEST = -3.4028234e38;

struct Normalizer {
  maximum: f32,
  log_sum: f32,
}

// log p = (logit − maximum) − log_sum. The two are kept apart: their sum would cost digits where the logits are large.
fn normalizer(start: u32, thread: u32) -> Normalizer {
  var largest = LOWEST;
  for (var v = thread; v < params.width; v += THREADS) { largest = max(largest, logits[start + v]); }
  let maximum = maximum_over_threads(largest, thread);
  var sum = 0.0;
  for (var v = thread; v < params.width; v += THREADS) { sum += exp(logits[start + v] - maximum); }
  return Normalizer(maximum, log(sum_over_threads(sum, thread)));
}

@compute @workgroup_size(THREADS)
fn cross_entropy(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.workgroups) { return; }
  let start = row * params.width;
  let norm = normalizer(start, thread);
  let label = u32(targets[row]);
  for (var v = thread; v < params.width; v += THREADS) {
    let log_probability = (logits[start + v] - norm.maximum) - norm.log_sum;
    let indicator = select(0.0, 1.0, v == label);
    gradient[start + v] = weights[row] * (exp(log_probability) - indicator);
    if (v == label) { loss[row] = -log_probability; }
  }
}

// `reference` holds log p₀.
@compute @workgroup_size(THREADS)
fn kl_divergence(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.workgroups) { return; }
  let start = row * params.width;
  let norm = normalizer(start, thread);
  var sum = 0.0;
  for (var v = thread; v < params.width; v += THREADS) {
    let log_probability = (logits[start + v] - norm.maximum) - norm.log_sum;
    sum += exp(log_probability) * (log_probability - reference[start + v]);
  }
  let total = sum_over_threads(sum, thread);
  for (var v = thread; v < params.width; v += THREADS) {
    let log_probability = (logits[start + v] - norm.maximum) - norm.log_sum;
    let excess = (log_probability - reference[start + v]) - total;
    gradient[start + v] = weights[row] * exp(log_probability) * excess;
  }
  if (thread == 0u) { loss[row] = total; }
}

@compute @workgroup_size(THREADS)
fn log_softmax(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.workgroups) { return; }
  let start = row * params.width;
  let norm = normalizer(start, thread);
  for (var v = thread; v < params.width; v += THREADS) {
    log_probabilities[start + v] = (logits[start + v] - norm.maximum) - norm.log_sum;
  }
}
