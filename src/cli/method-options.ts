/** The settings of editing methods as options, made from the methods' own schemas. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { EngineError } from '../engine/errors.ts';
import { DEFAULT_METHOD, methodOf, METHODS } from '../engine/methods/registry.ts';
import { settingFields, type SettingField } from '../engine/methods/setting-fields.ts';
import type { MethodSettings } from '../engine/patches/patch.ts';
import type { ModelSession } from '../engine/session/session.ts';
import { decimalNumber, parseLayers, parseSeed } from './options.ts';

/** As commander names what was given. */
export type GivenOptions = Readonly<Record<string, unknown>>;

/**
 * Adds `--method`, and an option a setting of any method: learningRate is `--learning-rate`.
 * @param except settings for which the command has an option of its own
 */
export function addMethodOptions(command: Command, except: readonly string[] = []): Command {
  const ids = METHODS.map(({ id }) => id);
  command.addOption(new Option('--method <name>', 'how the model is edited').choices(ids).default(DEFAULT_METHOD));
  const added = new Set(except);
  for (const field of METHODS.flatMap(({ settings }) => settingFields(settings))) {
    if (added.has(field.name)) continue;
    added.add(field.name);
    command.addOption(optionOf(field));
  }
  return command;
}

/**
 * The preset of the method with what was given in its place.
 * @param except as {@link addMethodOptions} was given it: these count where the method has such a setting
 * @throws EngineError ('input') for a setting that the method lacks
 */
export function settingsOf(
  session: ModelSession,
  method: string,
  given: GivenOptions,
  except: readonly string[] = [],
): MethodSettings {
  const fieldsOf = (id: string): string[] => settingFields(methodOf(id).settings).map(({ name }) => name);
  const own = new Set(fieldsOf(method));
  const known = new Set([...own, ...except]);
  const foreign = METHODS.flatMap(({ id }) => fieldsOf(id)).find(
    (name) => given[name] !== undefined && !known.has(name),
  );
  if (foreign !== undefined) throw new EngineError('input', `--${flagOf(foreign)} is no setting of ${method}.`);
  const chosen = Object.entries(given).filter(([name, value]) => own.has(name) && value !== undefined);
  return { ...session.preset(method).settings, ...Object.fromEntries(chosen) };
}

function optionOf(field: SettingField): Option {
  const help = `${field.label}: ${field.help.charAt(0).toLowerCase()}${field.help.slice(1).replace(/\.$/, '')}`;
  const value = field.kind === 'layers' ? 'a,b,c' : 'x';
  return new Option(`--${flagOf(field.name)} <${value}>`, `${help}; the preset of the model when absent`).argParser(
    (text: string) => parse(field, text),
  );
}

function parse({ name, kind }: SettingField, text: string): unknown {
  if (kind === 'layers') return parseLayers(text);
  if (name === 'seed') return parseSeed(text);
  const value = decimalNumber(text);
  if (value === null || !Number.isFinite(value)) throw new InvalidArgumentError('Write a number.');
  if (kind === 'integer' && !Number.isInteger(value)) throw new InvalidArgumentError('Write a whole number.');
  return value;
}

/** "learning-rate" of "learningRate". */
function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
