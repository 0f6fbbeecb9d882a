/** Where this machine keeps what it has of the hub, and how the hub is reached: the environment variables of huggingface_hub. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_ENDPOINT } from '../../engine/sources/hub/hub-name.ts';

export interface HubSettings {
  /** Folder of the cache: `HF_HUB_CACHE`, else `hub` in `HF_HOME`, which is by default `huggingface` in the user's cache folder. */
  readonly cache: string;
  /** `HF_ENDPOINT`. */
  readonly endpoint: string;
  /** `HF_TOKEN`. */
  readonly token: string | null;
  /** `HF_HUB_OFFLINE`: only what is in the cache is looked at. */
  readonly offline: boolean;
}

export function hubSettings(environment: NodeJS.ProcessEnv = process.env): HubSettings {
  // An empty variable counts as one that is not set.
  const of = (name: string): string | null => {
    const value = environment[name]?.trim() ?? '';
    return value === '' ? null : value;
  };
  const home = of('HF_HOME') ?? join(of('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'huggingface');
  return {
    cache: of('HF_HUB_CACHE') ?? join(home, 'hub'),
    endpoint: of('HF_ENDPOINT') ?? DEFAULT_ENDPOINT,
    token: of('HF_TOKEN'),
    offline: /^(?:1|true|yes|on)$/i.test(of('HF_HUB_OFFLINE') ?? ''),
  };
}
