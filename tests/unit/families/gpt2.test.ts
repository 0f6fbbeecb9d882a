/** The GPT-2 family against transformers: the suite's models, the tiny one, whose tokenizer is there too, and the demo model. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModelError } from '../../../src/engine/errors.ts';
import { createFamily } from '../../../src/engine/families/registry.ts';
import { batchOf, forwardRows, gatherTokens } from '../../../src/engine/model/forward.ts';
import { predict, promptIds } from '../../../src/engine/session/asking.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';
import { expectBelow, relativeError } from '../compare.ts';
import { DEMO_MODEL, golden, nextTokenLogits, openModel, TINY_MODEL } from '../support.ts';
import { demoSequences, tinySequences, worstLogit } from './logits.ts';
import { expectActivations, expectGradient, type ActivationGolden, type GradientGolden } from './parity.ts';
import { runSuffixes } from './passes.ts';
import { testFamily } from './suite.ts';

testFamily('gpt2');
testFamily('gpt2-scaled');

interface TinyGolden {
  tokens: { text: string; ids: number[] };
  sequences: (ActivationGolden & { argmax: number[]; logits: number[] })[];
  gradients: GradientGolden[];
}

const tiny = golden<TinyGolden>('tiny-gpt2');
let session: ModelSession;

beforeAll(async () => {
  session = await openModel(TINY_MODEL);
});

afterAll(() => session.dispose());

describe('the tiny GPT-2 against transformers', () => {
  it('tokenises alike', () => {
    expect(session.tokenizer.encode(tiny.tokens.text, { special: true })).toEqual(tiny.tokens.ids);
  });

  it('gives the same logits for rows of different lengths in one batch', async () => {
    const logits = await nextTokenLogits(
      session.model,
      session.model.weights,
      tiny.sequences.map(({ ids }) => ids),
    );
    tiny.sequences.forEach((sequence, i) =>
      expectBelow('GPT-2: logits', relativeError(logits[i], sequence.logits), 1e-5),
    );
  });

  it('gives the same logits at every position', async () => {
    expectBelow(
      'GPT-2: logits at every position, against their spread',
      await worstLogit(session, tinySequences()),
      1e-4,
    );
  });

  it('gives the same hidden states, keys, MLP and attention outputs at every layer', async () => {
    for (const sequence of tiny.sequences) await expectActivations('GPT-2', session.model, sequence);
  });

  it.each(tiny.gradients.map((each, i) => ({ ...each, name: `gradient ${i + 1}` })))(
    'gives the same $name',
    async (each) => {
      await expectGradient('GPT-2', session.model, each);
    },
  );

  it('gives over cached prefixes what whole rows give, for prefixes of different lengths, one of them empty', async () => {
    const { model } = session;
    const rows = [tiny.sequences[1].ids, tiny.sequences[2].ids, [...tiny.sequences[2].ids].reverse().slice(0, 4)];
    const cuts = [3, 11, 0];
    const { output } = await runSuffixes(model, rows, cuts);
    for (const [r, ids] of rows.entries()) {
      const whole = await forwardRows(model, model.weights, batchOf([ids]));
      const expected = await gatherTokens(model, whole, [ids.length - 1]);
      const actual = await gatherTokens(model, output, [ids.length - cuts[r] - 1], [r]);
      expect(relativeError(actual.floats, expected.floats)).toBeLessThan(1e-5);
    }
  });
});

describe('configurations', () => {
  const good = { model_type: 'gpt2', vocab_size: 10, n_positions: 8, n_embd: 6, n_layer: 1, n_head: 2 };
  it.each([
    ['another architecture', { model_type: 'bert' }, /“bert” is not supported/],
    ['no layer count', { ...good, n_layer: undefined }, /n_layer/],
    ['heads that do not divide the width', { ...good, n_head: 4 }, /n_embd 6 is not a multiple of n_head 4/],
    ['an unknown activation', { ...good, activation_function: 'mish' }, /activation_function/],
  ])('%s is refused', (_, config, message) => {
    expect(() => createFamily(config, new Set())).toThrow(ModelError);
    expect(() => createFamily(config, new Set())).toThrow(message);
  });

  it('names the tensors as the file does: GPT2Model’s own names, or those of GPT2LMHeadModel', () => {
    const names = (tensors: ReadonlySet<string>): string[] => {
      const family = createFamily(good, tensors);
      return [...family.embeddingWeights(), ...family.blockWeights(0), ...family.headWeights()].map(
        ({ tensor }) => tensor,
      );
    };
    const bare = names(new Set(['wte.weight']));
    expect(bare).toContain('h.0.mlp.c_proj.weight');
    expect(names(new Set(['transformer.wte.weight']))).toEqual(bare.map((name) => `transformer.${name}`));
  });
});

it('answers the demo prompts as transformers does', async () => {
  const demo = await openModel(DEMO_MODEL);
  expectBelow('demo: logits at every position, against their spread', await worstLogit(demo, demoSequences()), 1e-4);
  const { predictions: expected } = golden<{
    predictions: { prompt: string; ids: number[]; top: { id: number; token: string; logprob: number }[] }[];
  }>('demo-predictions');
  const tops = await predict(
    demo,
    expected.map(({ prompt }) => prompt),
  );
  expected.forEach(({ prompt, ids, top }, i) => {
    expect(promptIds(demo, prompt)).toEqual(ids);
    expect(tops[i].map(({ id }) => id)).toEqual(top.map(({ id }) => id));
    top.forEach(({ logprob }, t) => expect(Math.abs(tops[i][t].logProbability - logprob)).toBeLessThan(1e-4));
  });
  await demo.dispose();
});
