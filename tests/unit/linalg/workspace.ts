/** An implementation under test, and how the tests make tensors on it. */
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { LinearAlgebra } from '../../../src/engine/linalg/linear-algebra.ts';
import { readFloats } from '../../../src/engine/runtime/device.ts';
import { TensorScope } from '../../../src/engine/runtime/scope.ts';
import type { Tensor } from '../../../src/engine/runtime/tensor.ts';

export interface Implementation {
  readonly linalg: LinearAlgebra;
  close(): void | Promise<void>;
}

/** Largest relative (Frobenius) or, for losses, absolute error. */
export interface Tolerances {
  readonly direct: number;
  readonly solve: number;
  /** ‖ΔW − ΔW₆₄‖ / ‖ΔW₆₄‖, ΔW = RᵀA in float32. */
  readonly update: number;
}

/** Opens the implementation for the tests of a block and frees after each of them what it made. */
export function workspace(open: () => Promise<Implementation>): {
  readonly linalg: LinearAlgebra;
  readonly matrix: (values: Float32Array, ...dims: number[]) => Tensor;
  readonly ints: (values: number[]) => Tensor;
  readonly values: (tensor: Tensor) => Promise<Float32Array>;
  readonly track: (tensor: Tensor) => Tensor;
} {
  let implementation: Implementation;
  let scope = new TensorScope();
  beforeAll(async () => {
    implementation = await open();
  });
  afterEach(() => {
    scope.dispose();
    scope = new TensorScope();
    expect(implementation.linalg.device.liveBuffers).toBe(0);
  });
  afterAll(() => implementation.close());
  return {
    get linalg() {
      return implementation.linalg;
    },
    matrix: (values, ...dims) => scope.track(implementation.linalg.device.upload(values, dims)),
    ints: (values) =>
      scope.track(implementation.linalg.device.upload(Int32Array.from(values), [values.length], 'indices')),
    values: (tensor) => readFloats(implementation.linalg.device, scope.track(tensor)),
    track: (tensor) => scope.track(tensor),
  };
}
