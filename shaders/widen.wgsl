// Inverses of diagonal blocks, twice as wide: [⌈count / 2⌉, 2·side, 2·side] out of [count, side, side]. Copies each pair onto the diagonal and
// writes zeros beside it; what is below, −L₂₂⁻¹·L₂₁·L₁₁⁻¹, is added by products (triangular.ts). A missing last block is
// continued by the identity. One thread writes a vector of four.

struct Params {
  workgroups: u32,
  count: u32,
  side: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> narrow: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> wide: array<vec4f>;

const THREADS = 256u;
const COLUMNS = vec4u(0u, 1u, 2u, 3u);

@compute @workgroup_size(THREADS)
fn widen(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let number = group.x + group.y * groups.x;
  let i = number * THREADS + thread;
  if (number >= params.workgroups || i >= arrayLength(&wide)) { return; }
  let side = params.side;
  let column = 4u * i % (2u * side);
  let row = 4u * i / (2u * side) % (2u * side);
  let block = 2u * (4u * i / (4u * side * side)) + row / side;
  var values = vec4f();
  if (row / side == column / side) {
    if (block < params.count) {
      values = narrow[((block * side + row % side) * side + column % side) / 4u];
    } else {
      values = select(vec4f(), vec4f(1.0), column + COLUMNS == vec4u(row));
    }
  }
  wide[i] = values;
}
