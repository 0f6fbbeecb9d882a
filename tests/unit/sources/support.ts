/** What the tests of sources share: a payload, and failures. */
import { expect } from 'vitest';
import { EngineError } from '../../../src/engine/errors.ts';
import type { ByteSource } from '../../../src/engine/weights/byte-source.ts';

export const payload = Uint8Array.from({ length: 1_500_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff);

export async function failure(promise: Promise<unknown>): Promise<EngineError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(EngineError);
  return error as EngineError;
}

/** Whether the source holds exactly the payload (a comparison by Buffer: `toEqual` takes seconds on a megabyte). */
export async function holdsPayload(source: ByteSource): Promise<boolean> {
  return Buffer.compare(await source.read(0, source.size), payload) === 0;
}
