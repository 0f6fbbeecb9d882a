/** The editing methods there are. */
import { EngineError } from '../errors.ts';
import type { SettingsSchemas } from '../patches/patch-file.ts';
import { memit } from './memit/memit.ts';
import type { EditingMethod } from './method.ts';

export const METHODS: readonly EditingMethod[] = [memit];

/** What is run where nothing else is asked for. */
export const DEFAULT_METHOD = memit.id;

/** @throws EngineError ('input') when there is no such method */
export function methodOf(id: string, methods: readonly EditingMethod[] = METHODS): EditingMethod {
  const method = methods.find((each) => each.id === id);
  if (method) return method;
  const known = methods.map((each) => each.id).join(', ');
  throw new EngineError('input', `There is no editing method “${id}”; there is ${known}.`);
}

/** What a patch's settings must look like, by its method. */
export function settingsSchemas(methods: readonly EditingMethod[] = METHODS): SettingsSchemas {
  return (id) => methods.find((each) => each.id === id)?.settings;
}
