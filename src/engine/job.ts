/** What a long computation needs from whoever started it: a way to be cancelled and a chance to let messages in. */
import { throwIfCancelled } from './errors.ts';

export interface Job {
  readonly signal?: AbortSignal;
  /** Gives the host's event loop a turn, so that a cancel message can arrive; absent where there is no loop to feed. */
  readonly yieldToEventLoop?: () => Promise<void>;
}

/** Lets messages in, then throws CancelledError when the job was cancelled. Called at least once a step. */
export async function checkpoint(job: Job): Promise<void> {
  await job.yieldToEventLoop?.();
  throwIfCancelled(job.signal);
}
