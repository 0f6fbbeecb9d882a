// Where the threads of matmul.wgsl get their rows' elements of A from: each reads them all from workgroup memory.

fn left(read: vec4f, own: vec4f, i: u32) -> vec4f {
  return read;
}
