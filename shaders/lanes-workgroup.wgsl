// The sum over the lanes of a group of skinny.wgsl, through workgroup memory: every device can do this.

var<workgroup> lane_values: array<vec4f, THREADS>;

// Only a group's first lane gets the sum.
fn sum_of_lanes(thread: u32, value: vec4f) -> vec4f {
  lane_values[thread] = value;
  workgroupBarrier();
  for (var distance = LANES / 2u; distance > 0u; distance /= 2u) {
    if (thread % LANES < distance) { lane_values[thread] += lane_values[thread + distance]; }
    workgroupBarrier();
  }
  let sum = lane_values[thread];
  workgroupBarrier();
  return sum;
}
