// How matmul.wgsl reads and writes memory where every row starts on four elements and ends on four: a vector at a time.
// A block's rows beyond `rows` and columns beyond `columns` are zeros.

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<Stored>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<Stored>>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4f>;

fn a_vector(base: u32, row: u32, column: u32, rows: u32) -> vec4f {
  if (row >= rows) { return vec4f(); }
  return vec4f(a[(base + row * params.stride_a + column) / 4u]);
}

fn b_vector(base: u32, row: u32, column: u32, rows: u32) -> vec4f {
  if (row >= rows) { return vec4f(); }
  return vec4f(b[(base + row * params.stride_b + column) / 4u]);
}

fn a_block(base: u32, row: u32, column: u32, rows: u32, columns: u32) -> mat4x4f {
  if (column >= columns) { return mat4x4f(); }
  return mat4x4f(
    a_vector(base, row, column, rows),
    a_vector(base, row + 1u, column, rows),
    a_vector(base, row + 2u, column, rows),
    a_vector(base, row + 3u, column, rows),
  );
}

fn b_block(base: u32, row: u32, column: u32, rows: u32, columns: u32) -> mat4x4f {
  if (column >= columns) { return mat4x4f(); }
  return mat4x4f(
    b_vector(base, row, column, rows),
    b_vector(base, row + 1u, column, rows),
    b_vector(base, row + 2u, column, rows),
    b_vector(base, row + 3u, column, rows),
  );
}

fn c_vector(base: u32, row: u32, column: u32) -> vec4f {
  return c[(base + row * params.stride_c + column) / 4u];
}

fn set_c_vector(base: u32, row: u32, column: u32, value: vec4f) {
  c[(base + row * params.stride_c + column) / 4u] = value;
}
