/** Files of targets: what is written is read, and what a torn or damaged end costs is no more than what stood there. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeTargets,
  encodeTarget,
  targetFileHeader,
  type TargetRecord,
} from '../../../src/engine/targets/target-file.ts';

const WIDTH = 5;
const term = fc.double({ noNaN: true, min: -1e3, max: 1e3 });
const floats = fc.array(fc.float({ noNaN: true }), { minLength: WIDTH, maxLength: WIDTH });
const record: fc.Arbitrary<TargetRecord> = fc
  .record({
    name: fc.stringMatching(/^[0-9a-f]{64}$/),
    initialNorm: term,
    steps: fc.array(fc.tuple(term, term, term, term), { maxLength: 4 }),
    delta: floats,
    z: floats,
  })
  .map(({ name, initialNorm, steps, delta, z }) => ({
    name,
    target: {
      delta: Float32Array.from(delta),
      z: Float32Array.from(z),
      initialNorm,
      losses: steps.map(([nll, kl, decay, deltaNorm], step) => {
        return { edit: 0, step, loss: nll + kl + decay, nll, kl, decay, deltaNorm, initialNorm };
      }),
    },
  }));
const records = fc.array(record, { minLength: 1, maxLength: 4 });

/** The file, and where each record ends. */
async function fileOf(all: readonly TargetRecord[]): Promise<{ bytes: Uint8Array; ends: number[] }> {
  const parts = [targetFileHeader(WIDTH), ...(await Promise.all(all.map(encodeTarget)))];
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  const ends: number[] = [];
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
    ends.push(at);
  }
  return { bytes, ends: ends.slice(1) };
}

describe('a file of targets', () => {
  it('holds what was put into it, to the last bit', async () => {
    await fc.assert(
      fc.asyncProperty(records, async (all) => {
        const { bytes } = await fileOf(all);
        expect(await decodeTargets(bytes, WIDTH)).toEqual({ records: all, soundBytes: bytes.length });
      }),
      { numRuns: 50 },
    );
  });

  it('whose end is torn has the records before it', async () => {
    await fc.assert(
      fc.asyncProperty(records, fc.double({ min: 0, max: 1, noNaN: true }), async (all, share) => {
        const { bytes, ends } = await fileOf(all);
        const length = Math.floor(share * (bytes.length - 1));
        const whole = ends.filter((end) => end <= length).length;
        const { records: read, soundBytes } = await decodeTargets(bytes.subarray(0, length), WIDTH);
        expect(read).toEqual(all.slice(0, whole));
        if (whole > 0) expect(soundBytes).toBe(ends[whole - 1]);
      }),
      { numRuns: 50 },
    );
  });

  it('with a wrong byte has no wrong target', async () => {
    await fc.assert(
      fc.asyncProperty(records, fc.nat(), fc.integer({ min: 1, max: 255 }), async (all, place, change) => {
        const { bytes } = await fileOf(all);
        bytes[place % bytes.length] ^= change;
        const { records: read } = await decodeTargets(bytes, WIDTH);
        expect(read).toEqual(all.slice(0, read.length));
        expect(read.length).toBeLessThan(all.length);
      }),
      { numRuns: 50 },
    );
  });

  it('of another model’s width, of another form, or of nothing has none', async () => {
    const [one] = fc.sample(record, 1);
    const { bytes } = await fileOf([one]);
    expect(await decodeTargets(bytes, WIDTH + 1)).toEqual({ records: [], soundBytes: 0 });
    expect(await decodeTargets(new TextEncoder().encode('{"version": 1, "targets": []}'), WIDTH)).toEqual({
      records: [],
      soundBytes: 0,
    });
    expect(await decodeTargets(new Uint8Array(), WIDTH)).toEqual({ records: [], soundBytes: 0 });
  });
});
