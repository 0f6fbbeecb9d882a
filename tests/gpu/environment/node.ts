/** The tests' GPU in Node: Dawn on the machine's adapter or on the software driver. */
import { createDawnDevice } from '../../../src/cli/dawn.ts';

export { readShader as shaderSource } from '../../../src/cli/backend.ts';

/** Software drivers also compile several times faster without clearing workgroup memory. */
export function createDevice(): Promise<GPUDevice> {
  return createDawnDevice(['enable-dawn-features=disable_workgroup_init']);
}
