/** What tabs of one browser do not do at the same time. Where a page has no locks it has no files of its own either. */
import type { EngineError } from '../engine/errors.ts';

function locks(): LockManager | undefined {
  // Absent on pages without HTTPS, whatever the type says.
  const manager = navigator.locks as LockManager | undefined;
  return manager;
}

/** Runs `body` while nobody else holds the lock. @throws `busy()` where somebody does */
export async function alone<T>(name: string, busy: () => EngineError, body: () => Promise<T>): Promise<T> {
  const manager = locks();
  if (!manager) return body();
  return manager.request(name, { ifAvailable: true }, (lock) => {
    if (!lock) throw busy();
    return body();
  });
}

/** Shares the lock with others until the function that this gives is called. */
export async function share(name: string): Promise<() => void> {
  const manager = locks();
  if (!manager) return () => undefined;
  return new Promise((resolve, reject) => {
    manager
      .request(name, { mode: 'shared' }, () => {
        return new Promise<void>((release) => {
          resolve(release);
        });
      })
      .catch(reject);
  });
}
