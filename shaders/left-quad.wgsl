// Where the threads of matmul.wgsl get their rows' elements of A from: the four of a quad, which have the same rows, read one k of four
// each and pass it on, which saves three of four reads from workgroup memory. Takes for granted that invocations are numbered
// subgroup by subgroup, as they are wherever a workgroup has one dimension.

// `own` is what was read for k = the thread's number in its quad; `i`, a constant, says whose is wanted.
fn left(read: vec4f, own: vec4f, i: u32) -> vec4f {
  switch i {
    case 0u: { return quadBroadcast(own, 0u); }
    case 1u: { return quadBroadcast(own, 1u); }
    case 2u: { return quadBroadcast(own, 2u); }
    default: { return quadBroadcast(own, 3u); }
  }
}
