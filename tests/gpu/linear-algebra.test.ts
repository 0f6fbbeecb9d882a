/** The WGSL kernels against double precision, over shapes off the tile sizes, on memory full of NaN. */
import { describe } from 'vitest';
import { DEFAULT_TILES } from '../../src/engine/linalg/webgpu/tiles.ts';
import { testMatrices } from '../unit/linalg/matrix-tests.ts';
import { testLinearAlgebra } from '../unit/linalg/suite.ts';
import { openGpu } from './suite.ts';

const TOLERANCE = { direct: 1e-5, solve: 1e-5, update: 1e-4 };

describe('WebGpuLinearAlgebra', () => {
  testLinearAlgebra(openGpu, TOLERANCE);
});

// What a browser does otherwise shows in the kernels as they are chosen there; the other choices are tried in Node alone.
if (typeof document === 'undefined') {
  describe('WebGpuLinearAlgebra with the tiles of a GPU', () => {
    testMatrices(() => openGpu({ tiles: DEFAULT_TILES }), TOLERANCE);
  });

  describe('WebGpuLinearAlgebra on matrices larger than one binding', () => {
    testMatrices(() => openGpu({ bindingBytes: 64 * 130 * 4 }), TOLERANCE);
  });
}
