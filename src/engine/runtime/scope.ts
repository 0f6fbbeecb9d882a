/** Frees what a computation made along the way, also when it throws or is cancelled. */
import type { Tensor } from './tensor.ts';

export class TensorScope {
  readonly #tensors = new Set<Tensor>();

  /** Registers `tensor` for disposal at the end of the scope and returns it. */
  track<T extends Tensor>(tensor: T): T {
    this.#tensors.add(tensor);
    return tensor;
  }

  /** Takes `tensor` out of the scope: the caller frees it now. */
  release<T extends Tensor>(tensor: T): T {
    this.#tensors.delete(tensor);
    return tensor;
  }

  /** Frees `tensor` before the scope ends. */
  drop(tensor: Tensor): void {
    this.#tensors.delete(tensor);
    tensor.dispose();
  }

  dispose(): void {
    for (const tensor of this.#tensors) tensor.dispose();
    this.#tensors.clear();
  }
}

/** Runs `body` with a scope and frees what it tracks afterwards. */
export async function scoped<T>(body: (scope: TensorScope) => Promise<T>): Promise<T> {
  const scope = new TensorScope();
  try {
    return await body(scope);
  } finally {
    scope.dispose();
  }
}
