// How matmul.wgsl reads and writes memory where every row starts on four elements and ends on four: a vector at a time.

@group(0) @binding(1) var<storage, read> a: array<vec4<Stored>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<Stored>>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4f>;

fn a_vector(at: u32) -> vec4f {
  return vec4f(a[at / 4u]);
}

fn b_vector(at: u32) -> vec4f {
  return vec4f(b[at / 4u]);
}

fn c_vector(base: u32, row: u32, column: u32) -> vec4f {
  return c[(base + row * params.stride_c + column) / 4u];
}

fn set_c_vector(base: u32, row: u32, column: u32, value: vec4f) {
  c[(base + row * params.stride_c + column) / 4u] = value;
}
