/** The families there are, and which of them a config.json asks for. */
import { ModelError } from '../errors.ts';
import type { Family, FamilyDefinition, TensorNames } from './family.ts';
import { gpt2 } from './gpt2.ts';
import { llama } from './llama.ts';

export const FAMILIES: readonly FamilyDefinition[] = [gpt2, llama];

/**
 * The family of a config.json, by its `model_type`.
 * @throws ModelError when no family has it, or the family refuses a setting
 */
export function createFamily(
  config: unknown,
  tensors: TensorNames,
  families: readonly FamilyDefinition[] = FAMILIES,
): Family {
  const type = typeof config === 'object' && config !== null && 'model_type' in config ? config.model_type : undefined;
  const definition = families.find(({ modelTypes }) => modelTypes.includes(String(type)));
  if (definition) return definition.create(config, tensors);
  const types = families.flatMap(({ modelTypes }) => modelTypes);
  throw new ModelError(
    `The architecture “${String(type)}” is not supported yet; ${families.map(({ label }) => label).join(', ')} models are.`,
    { next: `Open a folder whose config.json has "model_type": ${types.map((each) => `"${each}"`).join(' or ')}.` },
  );
}
