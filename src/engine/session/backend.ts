/** What runs the model: the graphs' runtime, the kernels, and a name for both. */
import type { LinearAlgebra } from '../linalg/linear-algebra.ts';
import type { Runtime } from '../runtime/runtime.ts';

export interface Backend {
  readonly runtime: Runtime;
  readonly linalg: LinearAlgebra;
  /** "NVIDIA RTX 4090" or "WASM, 2 threads". */
  readonly name: string;
}
