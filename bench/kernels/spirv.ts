/**
 * Makes Dawn print the SPIR-V of the tiled product with every tile, A·B on vectors, in the order of the JSON list of names on standard output.
 * `tools/kernel-peers/instructions.py` runs it.
 */
import { readShader } from '../../src/cli/backend.ts';
import { createDawnDevice } from '../../src/cli/dawn.ts';
import { KernelRunner } from '../../src/engine/linalg/webgpu/kernel-runner.ts';
import { matrixOf } from '../../src/engine/linalg/webgpu/matrix.ts';
import { productSteps } from '../../src/engine/linalg/webgpu/products.ts';
import { tileFits, type TileName, TILES } from '../../src/engine/linalg/webgpu/tiles.ts';
import { GpuDevice } from '../../src/engine/runtime/device.ts';

const SIDE = 128;

const gpu = await createDawnDevice(['enable-dawn-features=dump_shaders,disable_workgroup_init']);
const device = new GpuDevice(gpu);
const [a, b, c] = ['a', 'b', 'c'].map((name) => matrixOf(device.allocate([SIDE, SIDE], 'float32', name)));
const names = (Object.keys(TILES) as TileName[]).filter((name) => tileFits(TILES[name], gpu));
for (const name of names) {
  const products = { tiles: { small: name, medium: name, large: name }, bindingBytes: 2 ** 27, subgroups: false };
  // A runner for each: they keep their pipelines, and two tiles may have the same.
  await new KernelRunner(device, readShader).run(productSteps(products, { a, b, c }), name);
}
console.log(JSON.stringify(names));
process.exit(0);
