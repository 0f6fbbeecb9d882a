/** What families make of config.json: the files of known checkpoints pass, and no setting is passed over that is not understood. */
import { describe, expect, it } from 'vitest';
import { ModelError } from '../../../src/engine/errors.ts';
import { createFamily, FAMILIES } from '../../../src/engine/families/registry.ts';
import { readJson } from '../support.ts';
import { HUB_CONFIGS, REFUSED_HUB_CONFIGS } from './hub-configs.ts';

const NAMES = Object.keys(HUB_CONFIGS);

describe('the configurations of known checkpoints', () => {
  it.each(NAMES)('%s is understood', (name) => {
    const config = HUB_CONFIGS[name] as Record<string, unknown>;
    const family = createFamily(config, new Set());
    expect(family.config.modelType).toBe(config.model_type);
    expect(family.config.layerKinds.length).toBe(config.num_hidden_layers ?? config.n_layer ?? config.num_layers);
    expect(family.blockWeights(0).map(({ tensor }) => tensor)).toContain(family.projections(0)['mlp-output'].tensor);
  });

  it('are of every family', () => {
    const types = new Set(Object.values(HUB_CONFIGS).map((config) => (config as { model_type: string }).model_type));
    expect([...types].sort()).toEqual(FAMILIES.flatMap(({ modelTypes }) => modelTypes).sort());
  });

  it.each(Object.keys(REFUSED_HUB_CONFIGS))('%s is refused by the name of a setting', (name) => {
    const { config, setting } = REFUSED_HUB_CONFIGS[name];
    expect(() => createFamily(config, new Set())).toThrow(ModelError);
    expect(() => createFamily(config, new Set())).toThrow(setting);
  });
});

/** One configuration a family. */
const ONE_EACH = Object.values(
  Object.fromEntries(
    Object.values(HUB_CONFIGS).map((config) => [(config as { model_type: string }).model_type, config]),
  ),
) as Record<string, unknown>[];

describe.each(ONE_EACH.map((config) => [String(config.model_type), config] as const))('%s', (_, config) => {
  const create = (settings: object) => () => createFamily({ ...config, ...settings }, new Set());

  it('refuses a setting that is not known, by its name, unless it is null', () => {
    expect(create({ attention_sinks: 4 })).toThrow(ModelError);
    expect(create({ attention_sinks: 4 })).toThrow(/attention_sinks/);
    expect(create({ attention_sinks: false })).toThrow(/attention_sinks/);
    expect(create({ attention_sinks: null })).not.toThrow();
  });

  it('refuses quantised weights', () => {
    expect(create({ quantization_config: { quant_method: 'gptq' } })).toThrow(/quantization_config.* quantised/);
  });

  it.each([
    { add_cross_attention: true },
    { is_encoder_decoder: true },
    { pruned_heads: { 1: [0] } },
    { use_bidirectional_attention: true },
  ])('refuses %o', (settings) => {
    expect(create(settings)).toThrow(Object.keys(settings)[0]);
  });

  it('takes what changes nothing', () => {
    expect(create({ add_cross_attention: false, pruned_heads: {}, is_decoder: true, num_labels: 2 })).not.toThrow();
  });
});

describe('rotary settings', () => {
  const llama = { ...HUB_CONFIGS['TinyLlama-1.1B'], rope_theta: null };
  const frequencies = (settings: object): readonly number[] =>
    createFamily({ ...llama, ...settings }, new Set()).config.layerKinds[0].rotary!.frequencies;

  it('mean the same in both spellings', () => {
    const scaling = { rope_type: 'linear', factor: 4 };
    const old = frequencies({ rope_theta: 5000, rope_scaling: { type: 'linear', factor: 4 } });
    expect(frequencies({ rope_parameters: { ...scaling, rope_theta: 5000 } })).toEqual(old);
    expect(frequencies({ rope_theta: 1, rope_parameters: { ...scaling, rope_theta: 5000 } })).toEqual(old);
    expect(old).not.toEqual(frequencies({ rope_theta: 5000 }));
    expect(frequencies({ rope_theta: 5000, rope_scaling: {} })).toEqual(frequencies({ rope_theta: 5000 }));
  });

  it.each([
    ['a field that is not known', { type: 'linear', factor: 2, attention_factor: 3 }, /rope_scaling.attention_factor/],
    ['part of a head in a family that turns all of it', { partial_rotary_factor: 0.5 }, /partial_rotary_factor/],
  ])('with %s are refused', (_, rope_scaling, message) => {
    expect(() => frequencies({ rope_scaling })).toThrow(ModelError);
    expect(() => frequencies({ rope_scaling })).toThrow(message);
  });
});

describe('the configurations that transformers writes', () => {
  const folders = 'gpt2 gpt_neo gptj gpt_neox opt llama mistral qwen2 qwen3 phi3 gemma2 gemma3_text'.split(' ');
  it.each(folders)('%s is understood', (name) => {
    const config = readJson<object>(`tests/reference/models/family-${name}/config.json`);
    expect(() => createFamily(config, new Set())).not.toThrow();
  });
});
