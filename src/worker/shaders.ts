/** The sources of shaders/, which the build takes into the worker. */
import { DeviceError } from '../engine/errors.ts';

const sources = import.meta.glob<string>('../../shaders/*.wgsl', { query: '?raw', import: 'default', eager: true });

/** The text of a file of shaders/, by its name. */
export function shaderSource(file: string): string {
  const source = sources[`../../shaders/${file}`] as string | undefined;
  if (source === undefined) throw new DeviceError(`There is no shader “${file}”.`);
  return source;
}
