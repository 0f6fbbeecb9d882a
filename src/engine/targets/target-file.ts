/**
 * Targets as bytes, one after another, so that a file of them grows as they are found. What a torn write leaves at its end is recognised, and costs
 * that target.
 *
 *     file    8 bytes of magic, u32 D, records
 *     record  u32 length of the body, 8 bytes of the body's SHA-256, body
 *     body    32 bytes that name the request, f64 ‖h0‖, u32 steps, f64 [steps, 4] (nll, kl, decay, ‖δ‖), f32 [D] δ, f32 [D] z
 *
 * All little-endian.
 */
import { createSHA256 } from 'hash-wasm';
import type { StepLosses } from './losses.ts';
import type { EditTarget } from './target.ts';

const MAGIC = 'MEMITZ1\n';
const HEADER_BYTES = MAGIC.length + 4;
const DIGEST_BYTES = 8;
const NAME_BYTES = 32;
const TERMS = 4;

export interface TargetRecord {
  /** Names the request: a SHA-256 as 64 hex digits. */
  readonly name: string;
  readonly target: EditTarget;
}

/** The beginning of a file of targets of `width` = D. */
export function targetFileHeader(width: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  bytes.set(new TextEncoder().encode(MAGIC));
  new DataView(bytes.buffer).setUint32(MAGIC.length, width, true);
  return bytes;
}

export async function encodeTarget({ name, target }: TargetRecord): Promise<Uint8Array> {
  const { delta, z, initialNorm, losses } = target;
  const start = 4 + DIGEST_BYTES;
  const bytes = new Uint8Array(start + bodyBytes(losses.length, z.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length - start, true);
  let at = start;
  for (let i = 0; i < NAME_BYTES; i += 1) bytes[at + i] = parseInt(name.slice(2 * i, 2 * i + 2), 16);
  at += NAME_BYTES;
  view.setFloat64(at, initialNorm, true);
  view.setUint32(at + 8, losses.length, true);
  at += 12;
  for (const { nll, kl, decay, deltaNorm } of losses) {
    for (const term of [nll, kl, decay, deltaNorm]) {
      view.setFloat64(at, term, true);
      at += 8;
    }
  }
  for (const values of [delta, z]) {
    for (const value of values) {
      view.setFloat32(at, value, true);
      at += 4;
    }
  }
  bytes.set((await hasher())(bytes.subarray(start)), 4);
  return bytes;
}

/**
 * The targets of a file, and how many of its bytes are sound: none of one of another form, or of another width, and fewer than there are where the
 * end is torn. Losses name edit 0.
 */
export async function decodeTargets(
  bytes: Uint8Array,
  width: number,
): Promise<{ records: TargetRecord[]; soundBytes: number }> {
  const header = targetFileHeader(width);
  if (bytes.length < header.length || header.some((byte, i) => bytes[i] !== byte))
    return { records: [], soundBytes: 0 };
  const digest = await hasher();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: TargetRecord[] = [];
  let at = HEADER_BYTES;
  while (at + 4 + DIGEST_BYTES <= bytes.length) {
    const start = at + 4 + DIGEST_BYTES;
    const end = start + view.getUint32(at, true);
    if (end > bytes.length) break;
    const body = bytes.subarray(start, end);
    if (digest(body).some((byte, i) => bytes[at + 4 + i] !== byte)) break;
    const record = decodeBody(body, width);
    if (record === null) break;
    records.push(record);
    at = end;
  }
  return { records, soundBytes: at };
}

function decodeBody(body: Uint8Array, width: number): TargetRecord | null {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  if (body.length < bodyBytes(0, width)) return null;
  const initialNorm = view.getFloat64(NAME_BYTES, true);
  const steps = view.getUint32(NAME_BYTES + 8, true);
  if (body.length !== bodyBytes(steps, width)) return null;
  let at = NAME_BYTES + 12;
  const losses = Array.from({ length: steps }, (_, step): StepLosses => {
    const [nll, kl, decay, deltaNorm] = [0, 1, 2, 3].map((term) => view.getFloat64(at + 8 * term, true));
    at += 8 * TERMS;
    return { edit: 0, step, loss: nll + kl + decay, nll, kl, decay, deltaNorm, initialNorm };
  });
  const floats = (from: number): Float32Array =>
    Float32Array.from({ length: width }, (_, d) => view.getFloat32(from + 4 * d, true));
  return {
    name: Array.from(body.subarray(0, NAME_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join(''),
    target: { delta: floats(at), z: floats(at + 4 * width), initialNorm, losses },
  };
}

function bodyBytes(steps: number, width: number): number {
  return NAME_BYTES + 12 + 8 * TERMS * steps + 2 * 4 * width;
}

async function hasher(): Promise<(bytes: Uint8Array) => Uint8Array> {
  const sha256 = await createSHA256();
  return (bytes) => sha256.init().update(bytes).digest('binary').subarray(0, DIGEST_BYTES);
}
