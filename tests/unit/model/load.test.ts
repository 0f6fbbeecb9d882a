/** What is checked of weights when a model is loaded. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ModelError } from '../../../src/engine/errors.ts';
import { memorySource } from '../../../src/engine/weights/byte-source.ts';
import { TINY_MODEL } from '../support.ts';
import { indexOf, loadModel } from '../families/load.ts';

const config: unknown = JSON.parse(readFileSync(`${TINY_MODEL}/config.json`, 'utf8'));

describe('LanguageModel.load', () => {
  it.each([
    ['NaN', NaN],
    ['an infinity', -Infinity],
  ])('names the tensor that holds %s', async (_, value) => {
    const bytes = Uint8Array.from(readFileSync(`${TINY_MODEL}/model.safetensors`));
    const whole = await indexOf(memorySource('model.safetensors', bytes));
    const entry = whole.entry('transformer.h.1.mlp.c_fc.weight');
    expect(entry.dtype).toBe('F32');
    new DataView(bytes.buffer).setFloat32(entry.start + 4 * 7, value, true);
    const error: unknown = await loadModel(config, whole).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(ModelError);
    expect((error as ModelError).message).toContain(`“transformer.h.1.mlp.c_fc.weight” holds ${value} at place 7`);
  });
});
