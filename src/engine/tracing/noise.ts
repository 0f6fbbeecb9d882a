/** The Gaussian noise that corrupts a subject: from a seeded generator of our own, or NumPy's, for parity with the reference. */
import { seededRandom } from '../random.ts';

/** Standard normal numbers, one after the other. */
export type Gaussian = () => number;

/** Marsaglia's polar method over uniform numbers in [0, 1), in the order NumPy's legacy generator draws and returns them. */
function polarGaussian(uniform: () => number): Gaussian {
  let spare: number | null = null;
  return () => {
    if (spare !== null) {
      const value = spare;
      spare = null;
      return value;
    }
    for (;;) {
      const x = 2 * uniform() - 1;
      const y = 2 * uniform() - 1;
      const r2 = x * x + y * y;
      if (r2 >= 1 || r2 === 0) continue;
      const factor = Math.sqrt((-2 * Math.log(r2)) / r2);
      spare = factor * x;
      return factor * y;
    }
  };
}

const STATE_WORDS = 624;
const SHIFT_WORDS = 397;

/** 32-bit words of MT19937, seeded by `init_genrand` (Matsumoto and Nishimura, 1998). */
function mersenneTwister(seed: number): () => number {
  const state = new Uint32Array(STATE_WORDS);
  state[0] = seed;
  for (let i = 1; i < STATE_WORDS; i += 1) {
    const previous = state[i - 1] ^ (state[i - 1] >>> 30);
    state[i] = Math.imul(1812433253, previous) + i;
  }
  let next = STATE_WORDS;
  const refill = (): void => {
    for (let i = 0; i < STATE_WORDS; i += 1) {
      const mixed = (state[i] & 0x80000000) | (state[(i + 1) % STATE_WORDS] & 0x7fffffff);
      state[i] = state[(i + SHIFT_WORDS) % STATE_WORDS] ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
    }
    next = 0;
  };
  return () => {
    if (next === STATE_WORDS) refill();
    let word = state[next];
    next += 1;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  };
}

/** What `numpy.random.RandomState(seed).randn` returns; seed 0 … 2³² − 1. */
export function numpyGaussian(seed: number): Gaussian {
  const word = mersenneTwister(seed);
  return polarGaussian(() => {
    const high = word() >>> 5;
    const low = word() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  });
}

export function seededGaussian(seed: number): Gaussian {
  return polarGaussian(seededRandom(seed));
}
