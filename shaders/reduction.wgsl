// Sums and maxima over the THREADS threads of a workgroup, a power of two, as trees in workgroup memory. Joined with kernels that define
// THREADS. A tree adds in the same order in every run, and its rounding errors grow with its height only.

var<workgroup> partials: array<f32, THREADS>;

// Every thread gets the sum; all of them have to call it.
fn sum_over_threads(value: f32, thread: u32) -> f32 {
  partials[thread] = value;
  workgroupBarrier();
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    if (thread < half) { partials[thread] += partials[thread + half]; }
    workgroupBarrier();
  }
  let total = partials[0];
  // The next reduction overwrites it.
  workgroupBarrier();
  return total;
}

// Every thread gets the maximum; all of them have to call it.
fn maximum_over_threads(value: f32, thread: u32) -> f32 {
  partials[thread] = value;
  workgroupBarrier();
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    if (thread < half) { partials[thread] = max(partials[thread], partials[thread + half]); }
    workgroupBarrier();
  }
  let maximum = partials[0];
  workgroupBarrier();
  return maximum;
}
