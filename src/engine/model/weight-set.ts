/** The weights a forward pass reads: the base model's, or the same with some tensors replaced. */
import { ModelError } from '../errors.ts';
import type { Tensor } from '../runtime/tensor.ts';

export interface WeightSet {
  /** @throws ModelError when the model has no such tensor, or has it in blocks */
  get(name: string): Tensor;
  /** The same as it lies on the device: whole, or a table too large for a kernel in blocks of rows. @throws ModelError */
  blocks(name: string): readonly Tensor[];
}

/** The model's own weights on the device, as float32 or, matrices of 16 bits, as float16. Never written to after loading. */
export class BaseWeights implements WeightSet {
  readonly #tensors: ReadonlyMap<string, readonly Tensor[]>;

  /** @param tensors whole, or in blocks of rows */
  constructor(tensors: ReadonlyMap<string, readonly Tensor[]>) {
    this.#tensors = tensors;
  }

  /** Bytes of all of them. */
  get byteLength(): number {
    return [...this.#tensors.values()].flat().reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  get(name: string): Tensor {
    const [tensor, ...more] = this.blocks(name);
    if (more.length === 0) return tensor;
    throw new ModelError(
      `The tensor “${name}” is larger than this device lets a kernel read, and lies there in blocks.`,
      {
        next: 'Where it has to be changed, use the WASM backend (?backend=wasm).',
      },
    );
  }

  blocks(name: string): readonly Tensor[] {
    const blocks = this.#tensors.get(name);
    if (!blocks) throw new ModelError(`The model has no tensor “${name}”.`);
    return blocks;
  }

  dispose(): void {
    for (const tensor of [...this.#tensors.values()].flat()) tensor.dispose();
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

  blocks(name: string): readonly Tensor[] {
    const replaced = this.#replaced.get(name);
    return replaced ? [replaced] : this.#base.blocks(name);
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
