/**
 * Makes Dawn print the SPIR-V of matrix products: our tiled kernel with every tile, then what the peers use. Standard output ends with the names
 * of what was compiled, in order, as JSON. `tools/kernel-peers/instructions.py` runs it.
 */
import { importWebGpuOrt, readShader } from '../../src/cli/backend.ts';
import { createDawnDevice } from '../../src/cli/dawn.ts';
import { KernelRunner } from '../../src/engine/linalg/webgpu/kernel-runner.ts';
import { matrixOf } from '../../src/engine/linalg/webgpu/matrix.ts';
import { productSteps } from '../../src/engine/linalg/webgpu/products.ts';
import { onlyTile, tileFits, type TileName, TILES } from '../../src/engine/linalg/webgpu/tiles.ts';
import { GpuDevice } from '../../src/engine/runtime/device.ts';
import type { Case } from './cases.ts';
import { jaxJs, onnxruntime, tensorflow } from './contestants.ts';

const SIDE = 512;
const WORK: Case = { operation: 'matmul', m: SIDE, n: SIDE, k: SIDE };

const gpu = await createDawnDevice(['enable-dawn-features=dump_shaders,disable_workgroup_init']);
Object.defineProperty(navigator, 'userAgent', { value: 'Node.js', configurable: true });
const device = new GpuDevice(gpu);

let current = '';
const compiled: string[] = [];
/* eslint-disable @typescript-eslint/unbound-method -- both are called with their device below */
const { createComputePipeline, createComputePipelineAsync } = GPUDevice.prototype;
/* eslint-enable @typescript-eslint/unbound-method */
GPUDevice.prototype.createComputePipeline = function (descriptor) {
  compiled.push(current);
  return createComputePipeline.call(this, descriptor);
};
GPUDevice.prototype.createComputePipelineAsync = function (descriptor) {
  compiled.push(current);
  return createComputePipelineAsync.call(this, descriptor);
};

const [a, b, c] = ['a', 'b', 'c'].map((name) => matrixOf(device.allocate([SIDE, SIDE], 'float32', name)));
for (const name of (Object.keys(TILES) as TileName[]).filter((tile) => tileFits(TILES[tile], gpu))) {
  current = name;
  const products = { tiles: onlyTile(name), bindingBytes: 2 ** 27, subgroups: false };
  await new KernelRunner(device, readShader).run(productSteps(products, { a, b, c }), name);
}
for (const peer of [onnxruntime(await importWebGpuOrt(), device), await jaxJs(), await tensorflow()]) {
  if (!peer) continue;
  current = peer.name;
  const prepared = await peer.prepare(WORK);
  await prepared?.run(1);
}
console.log(`\n${JSON.stringify(compiled)}`);
process.exit(0);
