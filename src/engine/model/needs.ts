/** What a model takes on a device, told from the headers of its weights before any of them is read. */
import { ModelError } from '../errors.ts';
import type { Family, WeightBinding } from '../families/family.ts';
import type { Device } from '../runtime/device.ts';
import { sizeOf } from '../runtime/tensor.ts';
import { DTYPE_BYTES } from '../weights/dtype.ts';
import type { TensorIndex } from '../weights/tensor-index.ts';

export interface ModelNeeds {
  /** Of all weights on the device. Of bfloat16 it is the least: a matrix with a value that is no half takes twice as much. */
  readonly weightBytes: number;
  /** Of the second moments of one layer and their factor, where MEMIT writes. */
  readonly statisticsBytes: number;
}

/** Every weight of a family, once each, as its graphs are given it. */
export function weightsOf(family: Family): WeightBinding[] {
  const bindings = new Map<string, WeightBinding>();
  const layers = Array.from({ length: family.config.layerCount }, (_, layer) => family.blockWeights(layer)).flat();
  for (const binding of [...family.embeddingWeights(), ...layers, ...family.headWeights()]) {
    bindings.set(binding.tensor, binding);
  }
  return [...bindings.values()];
}

/**
 * @throws ModelError when a tensor is missing, has another shape than config.json says, or is larger than a kernel of this device may
 * read and no table that could be cut into blocks
 */
export function needsOf(family: Family, index: TensorIndex, device: Device): ModelNeeds {
  let weightBytes = 0;
  for (const { tensor, shape, table = false } of weightsOf(family)) {
    const entry = index.get(tensor);
    if (!entry) throw new ModelError(`The weights have no tensor “${tensor}”, which config.json asks for.`);
    if (entry.shape.join() !== shape.join()) {
      throw new ModelError(
        `The tensor “${tensor}” has shape [${entry.shape.join(', ')}]; config.json asks for [${shape.join(', ')}].`,
      );
    }
    // Graphs compute in float32, also where a weight lies there as float16.
    const bytes = 4 * sizeOf(shape);
    if (bytes > device.largestBinding && !table) {
      throw new ModelError(
        `The tensor “${tensor}” takes ${bytes} bytes, and this device lets a kernel read ${device.largestBinding}.`,
        { next: 'Use a smaller model, another GPU, or the WASM backend (?backend=wasm).' },
      );
    }
    const half = device.halves && shape.length > 1 && DTYPE_BYTES[entry.dtype] === 2;
    weightBytes += half ? bytes / 2 : bytes;
  }
  return { weightBytes, statisticsBytes: 2 * 4 * family.config.intermediateSize ** 2 };
}
