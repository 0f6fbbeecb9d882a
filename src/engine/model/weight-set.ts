/** The weights a forward pass reads: the base model's, or the same with some tensors replaced. */
import { ModelError } from '../errors.ts';
import type { Tensor } from '../runtime/tensor.ts';

export interface WeightSet {
  /** @throws ModelError when the model has no such tensor. */
  get(name: string): Tensor;
}

/** The model's own weights on the device, as float32 or, matrices of 16 bits, as float16. Never written to after loading. */
export class BaseWeights implements WeightSet {
  readonly #tensors: ReadonlyMap<string, Tensor>;

  constructor(tensors: ReadonlyMap<string, Tensor>) {
    this.#tensors = tensors;
  }

  /** Bytes of all of them. */
  get byteLength(): number {
    return [...this.#tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  get(name: string): Tensor {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new ModelError(`The model has no tensor “${name}”.`);
    return tensor;
  }

  dispose(): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
  }
}

/** Base weights with replacements laid over them; owns the replacements only. */
export class EditedWeights implements WeightSet {
  readonly #base: WeightSet;
  readonly #replaced = new Map<string, Tensor>();

  constructor(base: WeightSet) {
    this.#base = base;
  }

  get(name: string): Tensor {
    return this.#replaced.get(name) ?? this.#base.get(name);
  }

  /** Names of the replaced tensors. */
  get names(): string[] {
    return [...this.#replaced.keys()];
  }

  /** Lays `tensor` over the base's and takes ownership of it. */
  replace(name: string, tensor: Tensor): void {
    this.#replaced.get(name)?.dispose();
    this.#replaced.set(name, tensor);
  }

  dispose(): void {
    for (const tensor of this.#replaced.values()) tensor.dispose();
    this.#replaced.clear();
  }
}
