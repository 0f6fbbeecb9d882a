/** The families there are, and which of them a config.json asks for. */
import { ModelError } from '../errors.ts';
import type { Family, FamilyDefinition, TensorNames } from './family.ts';
import { gemma2 } from './gemma2.ts';
import { gemma3 } from './gemma3.ts';
import { gptNeo } from './gpt-neo.ts';
import { gptNeox } from './gpt-neox.ts';
import { gpt2 } from './gpt2.ts';
import { gptj } from './gptj.ts';
import { llama } from './llama.ts';
import { mistral } from './mistral.ts';
import { opt } from './opt.ts';
import { phi3 } from './phi3.ts';
import { qwen2 } from './qwen2.ts';
import { qwen3 } from './qwen3.ts';

export const FAMILIES: readonly FamilyDefinition[] = [
  gpt2,
  gptNeo,
  gptj,
  gptNeox,
  opt,
  llama,
  mistral,
  qwen2,
  qwen3,
  phi3,
  gemma2,
  gemma3,
];

/**
 * The family of a config.json, by its `model_type`.
 * @throws ModelError when no family has it, or the family refuses a setting
 */
export function createFamily(
  config: unknown,
  tensors: TensorNames,
  families: readonly FamilyDefinition[] = FAMILIES,
): Family {
  const type = typeof config === 'object' && config !== null && 'model_type' in config ? config.model_type : null;
  const definition = families.find(({ modelTypes }) => typeof type === 'string' && modelTypes.includes(type));
  if (definition) return definition.create(config, tensors);
  const types = families.flatMap(({ modelTypes }) => modelTypes);
  const what =
    typeof type === 'string'
      ? `The architecture “${type}” is not supported yet`
      : 'config.json names no architecture (model_type)';
  throw new ModelError(`${what}; ${families.map(({ label }) => label).join(', ')} models are supported.`, {
    next: `Open a folder whose config.json has "model_type": ${types.map((each) => `"${each}"`).join(' or ')}.`,
  });
}
