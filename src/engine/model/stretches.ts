/**
 * A layer over rows of any length. Long ones run a stretch of tokens at a time, over the keys and values of those before, so that attention's
 * scores and masks grow with the length and not with its square.
 */
import { scoped, type TensorScope } from '../runtime/scope.ts';
import type { Tensor } from '../runtime/tensor.ts';
import { BLOCK_OUTPUTS, type BlockOutput } from './graphs.ts';
import type { BlockInputs, LanguageModel, LayerPast } from './language-model.ts';
import type { WeightSet } from './weight-set.ts';

/** Attention scores of a layer that are made at once, in bytes, where the device allows so many. */
const SCORE_BYTES = 128 * 2 ** 20;

/** Fewer tokens at once would leave the device idle. */
const SHORTEST = 64;

/** Tokens of each row that a layer takes at once where every token looks at up to `seen`. */
export function stretchLength({ config, runtime }: LanguageModel, rows: number, seen: number): number {
  const scores = Math.min(SCORE_BYTES, runtime.device.largestBinding) / 4;
  return Math.max(SHORTEST, Math.floor(scores / (rows * config.headCount * seen)));
}

/** {@link LanguageModel.block} in bounded memory; without overrides. The outputs are the caller's. */
export async function runLayer<Name extends BlockOutput>(
  model: LanguageModel,
  weights: WeightSet,
  layer: number,
  inputs: Omit<BlockInputs, 'overrides'>,
  names: readonly Name[],
): Promise<Record<Name, Tensor>> {
  const [rows, length] = inputs.hidden.dims;
  const pastLength = inputs.past?.key.dims[2] ?? 0;
  const stretch = stretchLength(model, rows, pastLength + length);
  if (length <= stretch) return model.block(weights, layer, inputs, names);

  return scoped(async (scope) => {
    const earlier = await openPast(model, rows, length, inputs.past ?? null, scope);
    const joined = new Map<Name, Tensor>();
    for (let start = 0; start < length; start += stretch) {
      const count = Math.min(stretch, length - start);
      await scoped(async (inner) => {
        const outputs = await model.block(
          weights,
          layer,
          {
            hidden: await takeTokens(model, inputs.hidden, start, count, inner),
            places: inner.track(inputs.places.stretch(start, count)),
            past: earlier,
          },
          [...new Set<BlockOutput>([...names, BLOCK_OUTPUTS.presentKey, BLOCK_OUTPUTS.presentValue])],
        );
        for (const tensor of Object.values(outputs)) inner.track(tensor);
        await writeTokens(model, earlier.key, pastLength + start, outputs.present_key);
        await writeTokens(model, earlier.value, pastLength + start, outputs.present_value);
        for (const name of names) {
          const part: Tensor = outputs[name];
          if (!joined.has(name)) joined.set(name, scope.track(model.runtime.device.zeros(ofLength(part, length))));
          await writeTokens(model, joined.get(name)!, start, part);
        }
      });
    }
    return Object.fromEntries(names.map((name) => [name, scope.release(joined.get(name)!)])) as Record<Name, Tensor>;
  });
}

/** Room for keys and values: of the past, which is copied, and of all tokens of the rows. */
async function openPast(
  model: LanguageModel,
  rows: number,
  length: number,
  past: LayerPast | null,
  scope: TensorScope,
): Promise<LayerPast> {
  const { keyValueHeadCount, headSize } = model.config;
  const room = async (known?: Tensor): Promise<Tensor> => {
    const places = length + (known?.dims[2] ?? 0);
    const made = scope.track(model.runtime.device.zeros([rows, keyValueHeadCount, places, headSize]));
    if (known) await writeTokens(model, made, 0, known);
    return made;
  };
  return { key: await room(past?.key), value: await room(past?.value) };
}

/** Tokens of [rows, length, D] from `start` on: [rows, count, D]. */
async function takeTokens(
  { linalg, runtime }: LanguageModel,
  hidden: Tensor,
  start: number,
  count: number,
  scope: TensorScope,
): Promise<Tensor> {
  const [rows, length, width] = hidden.dims;
  const places = Int32Array.from(
    { length: rows * count },
    (_, i) => Math.floor(i / count) * length + start + (i % count),
  );
  const index = scope.track(runtime.device.upload(places, [places.length]));
  const taken = await linalg.gatherRows(hidden.reshaped([rows * length, width]), index);
  return scope.track(taken.intoShape([rows, count, width]));
}

/** Puts [..., count, width] into [..., length, width] from token `start` on. */
export async function writeTokens(
  { linalg }: LanguageModel,
  whole: Tensor,
  start: number,
  part: Tensor,
): Promise<void> {
  await linalg.writeColumns(tokensInRows(whole), start * whole.dims.at(-1)!, tokensInRows(part));
}

/** [..., length, width] as a matrix whose rows hold all tokens. */
function tokensInRows(tensor: Tensor): Tensor {
  const columns = tensor.dims.at(-2)! * tensor.dims.at(-1)!;
  return tensor.reshaped([tensor.size / columns, columns]);
}

/** The shape of a part, with all tokens. */
function ofLength({ dims }: Tensor, length: number): number[] {
  return dims.map((dim, axis) => (axis === dims.length - 2 ? length : dim));
}
