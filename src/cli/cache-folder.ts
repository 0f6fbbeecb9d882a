/** The user's cache folder: what is kept there saves time, and nothing is lost with it. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The XDG base directory specification takes an empty variable for one that is not set. */
export function cacheFolder(): string {
  const { XDG_CACHE_HOME: chosen = '' } = process.env;
  return join(chosen === '' ? join(homedir(), '.cache') : chosen, 'memit-playground');
}
