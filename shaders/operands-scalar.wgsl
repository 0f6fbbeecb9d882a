// How matmul.wgsl reads and writes memory where rows have any length: an element at a time.
// A block's rows beyond `rows` and columns beyond `columns` are zeros.

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Stored>;
@group(0) @binding(2) var<storage, read> b: array<Stored>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

// Which of the four elements from `at` on lie before `end`.
fn before(at: u32, end: u32) -> vec4<bool> {
  return vec4u(at, at + 1u, at + 2u, at + 3u) < vec4u(end);
}

fn a_vector(base: u32, row: u32, column: u32, rows: u32, columns: u32) -> vec4f {
  if (row >= rows) { return vec4f(); }
  let at = base + row * params.stride_a + column;
  let values = vec4f(f32(a[at]), f32(a[at + 1u]), f32(a[at + 2u]), f32(a[at + 3u]));
  return select(vec4f(), values, before(column, columns));
}

fn b_vector(base: u32, row: u32, column: u32, rows: u32, columns: u32) -> vec4f {
  if (row >= rows) { return vec4f(); }
  let at = base + row * params.stride_b + column;
  let values = vec4f(f32(b[at]), f32(b[at + 1u]), f32(b[at + 2u]), f32(b[at + 3u]));
  return select(vec4f(), values, before(column, columns));
}

fn a_block(base: u32, row: u32, column: u32, rows: u32, columns: u32) -> mat4x4f {
  return mat4x4f(
    a_vector(base, row, column, rows, columns),
    a_vector(base, row + 1u, column, rows, columns),
    a_vector(base, row + 2u, column, rows, columns),
    a_vector(base, row + 3u, column, rows, columns),
  );
}

fn b_block(base: u32, row: u32, column: u32, rows: u32, columns: u32) -> mat4x4f {
  return mat4x4f(
    b_vector(base, row, column, rows, columns),
    b_vector(base, row + 1u, column, rows, columns),
    b_vector(base, row + 2u, column, rows, columns),
    b_vector(base, row + 3u, column, rows, columns),
  );
}

fn c_vector(base: u32, row: u32, column: u32) -> vec4f {
  let at = base + row * params.stride_c + column;
  return vec4f(c[at], c[at + 1u], c[at + 2u], c[at + 3u]);
}

fn set_c_vector(base: u32, row: u32, column: u32, value: vec4f) {
  let at = base + row * params.stride_c + column;
  let inside = before(column, params.n);
  c[at] = value.x;
  if (inside.y) { c[at + 1u] = value.y; }
  if (inside.z) { c[at + 2u] = value.z; }
  if (inside.w) { c[at + 3u] = value.w; }
}
