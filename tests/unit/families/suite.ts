/** What every family is put through: against `transformers`, and the machinery that is made of it against itself. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { safetensors } from '../../../src/engine/exporting/safetensors.ts';
import { projectionOf } from '../../../src/engine/families/family.ts';
import { batchOf, forwardRows } from '../../../src/engine/model/forward.ts';
import { BLOCK_OUTPUTS } from '../../../src/engine/model/graphs.ts';
import { KeyValueCache } from '../../../src/engine/model/key-value-cache.ts';
import { LanguageModel, type BlockInputs, type BlockOverrides } from '../../../src/engine/model/language-model.ts';
import { seededRandom } from '../../../src/engine/random.ts';
import { Tensor } from '../../../src/engine/runtime/tensor.ts';
import { memorySource } from '../../../src/engine/weights/byte-source.ts';
import { collect } from '../../../src/engine/weights/safetensors-writer.ts';
import { expectBelow, relativeError } from '../compare.ts';
import { golden, nextTokenLogits } from '../support.ts';
import { randomFloats } from '../weights/support.ts';
import { addedByDelta, randomDelta, withDeltas } from './deltas.ts';
import { indexOf, loadFolder, type LoadedModel } from './load.ts';
import { familySequences, worstLogit } from './logits.ts';
import {
  expectActivations,
  expectEdit,
  expectGradient,
  type ActivationGolden,
  type EditGolden,
  type GradientGolden,
} from './parity.ts';
import { gradientThrough, runRows, runSuffixes, tokensOf } from './passes.ts';
import { expectMemit, expectTrace, type MemitGolden, type TraceGolden } from './runs.ts';

export interface FamilyOptions {
  /** What the MLP makes is normalised before it is added (Gemma): what it adds is then not the projection's output. */
  readonly normAfterMlp?: boolean;
}

/** What family_oracle.py writes. */
interface FamilyGolden {
  /** The config.json that it was given, in tests/reference. */
  config: string;
  sequences: ActivationGolden[];
  gradients: GradientGolden[];
  edits: EditGolden[];
  memit: MemitGolden;
  trace: TraceGolden;
}

/** Tests a family by the golden and the model that family_oracle.py wrote under this name. */
export function testFamily(name: string, options: FamilyOptions = {}): void {
  const folder = `tests/reference/models/family-${name}`;
  const oracle = golden<FamilyGolden>(`family-${name}`);

  describe(`${name} against transformers`, () => {
    let loaded: LoadedModel;

    beforeAll(async () => {
      loaded = await loadFolder(folder);
    });

    afterAll(() => loaded.model.dispose());

    it('gives the same logits at every position', async () => {
      const worst = await worstLogit(loaded, familySequences(name));
      expectBelow(`${name}: logits at every position, against their spread`, worst, 1e-4);
    });

    it('gives the same hidden states, keys, MLP and attention outputs at every layer', async () => {
      for (const sequence of oracle.sequences) await expectActivations(name, loaded.model, sequence);
    });

    it.each(oracle.gradients.map((each) => [each.layer, each] as const))(
      'gives the same gradient by the output of layer %i',
      async (_, each) => {
        await expectGradient(name, loaded.model, each);
      },
    );

    it.each(oracle.edits)('says the same with a projection edited', async (each) => {
      await expectEdit(name, loaded.model, each);
    });

    it('makes the edits of a whole run of MEMIT', async () => {
      await expectMemit(name, loaded.model, oracle.memit);
    });

    it('traces alike', async () => {
      await expectTrace(name, loaded.model, oracle.trace);
    });

    it('reads the config.json that was given to transformers and the one it wrote alike', async () => {
      const config = JSON.parse(readFileSync(`tests/reference/${oracle.config}`, 'utf8')) as unknown;
      const other = await loadFolder(folder, config);
      expect(other.model.config).toEqual(loaded.model.config);
      const rows = oracle.sequences.map(({ ids }) => ids);
      const expected = await nextTokenLogits(loaded.model, loaded.model.weights, rows);
      expect(await nextTokenLogits(other.model, other.model.weights, rows)).toEqual(expected);
      await other.model.dispose();
    });
  });

  testMachinery(name, () => loadFolder(folder), options);
}

/** Where rows of 17, 9 and 5 tokens are cut: no prefix, and prefixes longer and shorter than what follows. */
const LENGTHS = [17, 9, 5];
const CUTS = [11, 3, 0];
/** Where the cached rows are cut once more. */
const SECOND_CUTS = [14, 4, 2];

const ALL_OUTPUTS = Object.values(BLOCK_OUTPUTS);

/** Tests what is made of a family's three pieces, without an oracle: cached prefixes, overrides, edits, exports. */
export function testMachinery(name: string, load: () => Promise<LoadedModel>, options: FamilyOptions = {}): void {
  describe(name, () => {
    let loaded: LoadedModel;
    let model: LanguageModel;
    let rows: number[][];

    beforeAll(async () => {
      loaded = await load();
      ({ model } = loaded);
      const random = seededRandom(3);
      rows = LENGTHS.map((length) => Array.from({ length }, () => Math.floor(random() * model.config.vocabularySize)));
    });

    afterAll(() => model.dispose());

    describe('over cached prefixes', () => {
      it('gives what whole rows give, block by block', async () => {
        const { output } = await runSuffixes(model, rows, CUTS);
        for (const [r, ids] of rows.entries()) {
          const whole = await forwardRows(model, model.weights, batchOf([ids]));
          const expected = tokensOf(whole, 0, CUTS[r], ids.length);
          const error = relativeError(tokensOf(output, r, 0, ids.length - CUTS[r]), expected);
          expectBelow(`${name}: hidden states over cached prefixes`, error, 1e-5);
        }
      });

      it('gives what whole rows give, through the cache, a few tokens at a time', async () => {
        const bounds = rows.map(({ length }, r) => [0, CUTS[r], SECOND_CUTS[r], length]);
        const part = (step: number): number[][] =>
          rows.map((ids, r) => ids.slice(bounds[r][step], bounds[r][step + 1]));
        const { cache, hidden } = await KeyValueCache.open(model, model.weights, batchOf(part(0)));
        const second = await cache.extend(batchOf(part(1)), { keep: true });
        // Another order, and a row twice.
        const order = [2, 0, 1, 0];
        const selected = await cache.select(order);
        const third = await selected.extend(batchOf(order.map((row) => part(2)[row])), { keep: false });
        for (const [place, r] of order.entries()) {
          const whole = await forwardRows(model, model.weights, batchOf([rows[r]]));
          const steps = [tokensOf(hidden, r, 0, bounds[r][1]), tokensOf(second, r, 0, bounds[r][2] - bounds[r][1])];
          steps.push(tokensOf(third, place, 0, bounds[r][3] - bounds[r][2]));
          const error = relativeError(Float32Array.from(steps.flatMap((step) => [...step])), whole.floats);
          expectBelow(`${name}: hidden states through the cache`, error, 1e-5);
        }
        cache.dispose();
        selected.dispose();
      });

      it('gives the gradient of whole rows', async () => {
        const { hiddenSize, layerCount } = model.config;
        const suffixes = await runSuffixes(model, rows, CUTS);
        const seed = Tensor.zeros(suffixes.output.dims);
        const seeds = rows.map(({ length }, r) => randomFloats((length - CUTS[r]) * hiddenSize, r));
        for (const [r, values] of seeds.entries()) tokensOf(seed, r, 0, values.length / hiddenSize).set(values);
        const gradient = await gradientThrough(model, suffixes.inputs, seed, layerCount - 1);
        for (const [r, ids] of rows.entries()) {
          const { inputs } = await runRows(model, [ids]);
          const wholeSeed = Tensor.zeros([1, ids.length, hiddenSize]);
          tokensOf(wholeSeed, 0, CUTS[r], ids.length).set(seeds[r]);
          const whole = await gradientThrough(model, inputs, wholeSeed, layerCount - 1);
          const expected = tokensOf(whole, 0, CUTS[r], ids.length);
          const error = relativeError(tokensOf(gradient, r, 0, ids.length - CUTS[r]), expected);
          expectBelow(`${name}: gradient over cached prefixes`, error, 1e-4);
        }
      });
    });

    describe('with outputs given from outside', () => {
      /** What every block is given, over cached tokens and without. */
      const passes = async (): Promise<{ layer: number; given: BlockInputs }[]> =>
        [await runRows(model, rows), await runSuffixes(model, rows, CUTS)].flatMap(({ inputs }) =>
          inputs.map((given, layer) => ({ layer, given })),
        );

      it('computes, bit for bit, what it computes without, where nothing is given', async () => {
        for (const { layer, given } of await passes()) {
          const plain = await model.block(model.weights, layer, given, ALL_OUTPUTS);
          const kept = await model.block(model.weights, layer, { ...given, overrides: overriding(given) }, ALL_OUTPUTS);
          for (const output of ALL_OUTPUTS) expect(kept[output].floats, output).toEqual(plain[output].floats);
        }
      });

      it.each(['attention', 'mlp'] as const)('adds the given output of %s', async (part) => {
        const tokens = [
          [0, 2],
          [1, 0],
          [1, 4],
          [2, 1],
        ] as const;
        for (const { layer, given } of await passes()) {
          const overrides = overriding(given, part, tokens);
          const plain = await model.block(model.weights, layer, given, ALL_OUTPUTS);
          const replaced = await model.block(model.weights, layer, { ...given, overrides }, ALL_OUTPUTS);
          const output = part === 'attention' ? BLOCK_OUTPUTS.attention : BLOCK_OUTPUTS.mlp;
          const value = part === 'attention' ? overrides.attentionValue : overrides.mlpValue;
          const expected = plain[output].floats.slice();
          for (const [row, token] of tokens) {
            tokensOf(Tensor.fromData(expected, plain[output].dims), row, token, token + 1).set(
              tokensOf(value, row, 0, 1),
            );
          }
          expect(replaced[output].floats).toEqual(expected);
          if (part === 'mlp') expect(replaced.attention_out.floats).toEqual(plain.attention_out.floats);
          const [input, attention, mlp] = [given.hidden, replaced.attention_out, replaced.mlp_out].map((x) => x.floats);
          const sum = input.map((x, i) => x + attention[i] + mlp[i]);
          expectBelow(`${name}: sum of what is added`, relativeError(replaced.hidden_out.floats, sum), 1e-6);
        }
      });
    });

    describe('its output projections', () => {
      it('are in the file, in the orientation they say', () => {
        const { hiddenSize: d, intermediateSize: f, layerCount } = model.config;
        for (let layer = 0; layer < layerCount; layer += 1) {
          const { tensor, fanInFanOut } = projectionOf(model.family, layer, 'mlp-output');
          expect(loaded.index.entry(tensor).shape).toEqual(fanInFanOut ? [f, d] : [d, f]);
        }
      });

      it.skipIf(options.normAfterMlp)('add key·ΔWᵀ to the MLP’s output when ΔW is added to them', async () => {
        const { inputs } = await runRows(model, rows);
        const outputs = [BLOCK_OUTPUTS.key, BLOCK_OUTPUTS.mlp] as const;
        for (const [layer, given] of inputs.entries()) {
          const delta = randomDelta(model, layer);
          const weights = await withDeltas(model, [delta]);
          const before = await model.block(model.weights, layer, given, outputs);
          const after = await model.block(weights, layer, given, outputs);
          expect(after.mlp_key.floats).toEqual(before.mlp_key.floats);
          const added = after.mlp_out.floats.map((x, i) => x - before.mlp_out.floats[i]);
          const error = relativeError(added, addedByDelta(before.mlp_key, delta));
          expectBelow(`${name}: what an edit adds to the MLP's output`, error, 1e-5);
          weights.dispose();
        }
      });

      it('are written as edited, and read back give the same logits', async () => {
        const { family, runtime, linalg, config } = model;
        const layers = [0, config.layerCount - 1];
        const weights = await withDeltas(
          model,
          layers.map((layer) => randomDelta(model, layer)),
        );
        const changed = new Map(weights.names.map((tensor) => [tensor, weights.get(tensor).floats]));
        const edited = { modelName: name, index: loaded.index, changed, edits: [] };
        const { parts } = await safetensors.export(edited, { dtype: 'source' });
        const index = await indexOf(memorySource('exported.safetensors', await collect(parts)));
        // What transformers found in the source it finds here: every tensor, in its shape and dtype.
        const described = (from: typeof index): unknown[] =>
          from.tensors.map(({ name: tensor, dtype, shape }) => ({ tensor, dtype, shape }));
        expect(described(index)).toEqual(described(loaded.index));
        const read = await LanguageModel.load(family, index, runtime, linalg);
        const expected = await nextTokenLogits(model, weights, rows);
        expect(await nextTokenLogits(read, read.weights, rows)).toEqual(expected);
        weights.dispose();
        await read.dispose();
      });
    });
  });
}

/** Random outputs of attention and the MLP; they are given at the `tokens` (row, place) of `part`. */
function overriding(
  { hidden }: BlockInputs,
  part: 'attention' | 'mlp' = 'mlp',
  tokens: readonly (readonly [row: number, token: number])[] = [],
): BlockOverrides {
  const [batch, length, width] = hidden.dims;
  const everything = (): Tensor => Tensor.fromData(new Float32Array(batch * length).fill(1), [batch, length, 1]);
  const value = (seed: number): Tensor => Tensor.fromData(randomFloats(batch * width, seed), [batch, 1, width]);
  const some = everything();
  for (const [row, token] of tokens) some.floats[row * length + token] = 0;
  return {
    attentionKeep: part === 'attention' ? some : everything(),
    attentionValue: value(1),
    mlpKeep: part === 'mlp' ? some : everything(),
    mlpValue: value(2),
  };
}
