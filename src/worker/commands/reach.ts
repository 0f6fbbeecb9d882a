/** How far a patch reaches. */
import { measureReach } from '../../engine/session/reach.ts';
import type { WorkerApi } from '../api.ts';
import type { WorkerHost } from '../host.ts';

export function reachCommands(host: WorkerHost): Pick<WorkerApi, 'reach'> {
  return {
    reach: (patchId, onProgress) => host.withModel((session, job) => measureReach(session, patchId, job, onProgress)),
  };
}
