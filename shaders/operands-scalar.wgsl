// How matmul.wgsl reads and writes memory where rows have any length: an element at a time.

@group(0) @binding(1) var<storage, read> a: array<Stored>;
@group(0) @binding(2) var<storage, read> b: array<Stored>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

fn a_vector(at: u32) -> vec4f {
  return vec4f(f32(a[at]), f32(a[at + 1u]), f32(a[at + 2u]), f32(a[at + 3u]));
}

fn b_vector(at: u32) -> vec4f {
  return vec4f(f32(b[at]), f32(b[at + 1u]), f32(b[at + 2u]), f32(b[at + 3u]));
}

fn c_vector(base: u32, row: u32, column: u32) -> vec4f {
  let at = base + row * params.stride_c + column;
  return vec4f(c[at], c[at + 1u], c[at + 2u], c[at + 3u]);
}

fn set_c_vector(base: u32, row: u32, column: u32, value: vec4f) {
  let at = base + row * params.stride_c + column;
  c[at] = value.x;
  if (column + 1u < params.n) { c[at + 1u] = value.y; }
  if (column + 2u < params.n) { c[at + 2u] = value.z; }
  if (column + 3u < params.n) { c[at + 3u] = value.w; }
}
