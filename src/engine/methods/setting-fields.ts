/** The settings of a method as fields of a form, read from its schema: the page draws them, the command line makes options of them. */
import { z } from 'zod';
import { EngineError } from '../errors.ts';

export interface SettingField {
  /** As in the settings object. */
  readonly name: string;
  readonly label: string;
  /** What it does, in one sentence. */
  readonly help: string;
  readonly kind: 'layers' | 'integer' | 'number';
  readonly min: number;
  /** Whether `min` itself is refused. */
  readonly above: boolean;
  readonly max: number;
}

/** Marks a list of layers among the settings. */
const LAYERS_FORMAT = 'layers';

/** A list of layers, ascending and distinct. */
export function layersSetting(title: string, description: string): z.ZodArray<z.ZodNumber> {
  return z.array(z.number().int().nonnegative()).min(1).meta({ title, description, format: LAYERS_FORMAT });
}

const fieldSchema = z.object({
  title: z.string(),
  description: z.string(),
  type: z.enum(['array', 'integer', 'number']),
  format: z.string().optional(),
  minimum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  maximum: z.number().optional(),
});

/** One field a setting, in the schema's order. Every setting has a title and a description (`.meta`). */
export function settingFields(schema: z.ZodObject): SettingField[] {
  const { properties = {} } = z.toJSONSchema(schema);
  return Object.entries(properties).map(([name, property]) => {
    const { title, description, type, format, minimum, exclusiveMinimum, maximum } = fieldSchema.parse(property);
    return {
      name,
      label: title,
      help: description,
      kind: format === LAYERS_FORMAT ? 'layers' : type === 'integer' ? 'integer' : 'number',
      min: exclusiveMinimum ?? minimum ?? -Infinity,
      above: exclusiveMinimum !== undefined,
      max: maximum ?? Infinity,
    };
  });
}

/** @throws EngineError ('input') when a layer does not exist, or they are not in ascending order, each once */
export function assertLayers(layers: readonly number[], layerCount: number): void {
  for (let i = 0; i < layers.length; i += 1) {
    if (layers[i] >= layerCount) {
      throw new EngineError(
        'input',
        `Layer ${layers[i]} does not exist: this model has layers 0 to ${layerCount - 1}.`,
      );
    }
    if (i > 0 && layers[i] <= layers[i - 1]) {
      throw new EngineError('input', 'The layers must be listed in ascending order, each once.');
    }
  }
}
