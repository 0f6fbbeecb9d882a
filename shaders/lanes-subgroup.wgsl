// The sum over the lanes of a group of skinny.wgsl by subgroup operations, for subgroups of at most 32 invocations: two barriers
// instead of seven. It takes for granted that invocations are numbered subgroup by subgroup, as they are wherever a workgroup has one
// dimension.

var<workgroup> subgroup_sums: array<vec4f, THREADS>;

// Only a group's first lane gets the sum.
fn sum_of_lanes(thread: u32, value: vec4f) -> vec4f {
  let size = subgroupAdd(1u);
  subgroup_sums[thread] = subgroupAdd(value);
  workgroupBarrier();
  var total = vec4f();
  if (thread % LANES == 0u) {
    for (var lane = 0u; lane < LANES; lane += size) { total += subgroup_sums[thread + lane]; }
  }
  workgroupBarrier();
  return total;
}
