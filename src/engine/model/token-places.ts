/** Where the tokens of a batch stand: their positions, and which tokens each of them may attend to. */
import { DeviceError } from '../errors.ts';
import type { Rotary } from '../families/rotary.ts';
import type { Device } from '../runtime/device.ts';
import { TensorScope, type Disposable } from '../runtime/scope.ts';
import type { Tensor } from '../runtime/tensor.ts';

/** Added to attention scores that must not count; exp underflows to exactly 0 in float32. */
const MASKED = -1e9;

/** Cached tokens that a batch attends to besides its own. */
export interface PastPlaces {
  /** Places a row, filled or not. */
  readonly length: number;
  /** The position of the token at a place of a row; null where the place holds none. */
  positionOf(row: number, place: number): number | null;
}

export interface PlacesOptions {
  readonly rows: number;
  /** Tokens a row, padding included. */
  readonly length: number;
  /** Positions of the rows' first tokens; 0 when absent. */
  readonly offsets?: readonly number[];
  readonly past?: PastPlaces | null;
}

/** Makes its tensors when they are first asked for, one mask a window; owns them. */
export class TokenPlaces implements Disposable {
  readonly #device: Device;
  readonly #contextLength: number;
  readonly #options: PlacesOptions;
  readonly #scope = new TensorScope();
  readonly #tensors = new Map<string, Tensor>();
  readonly #rotary = new Map<Rotary, { readonly cos: Tensor; readonly sin: Tensor }>();

  constructor(device: Device, contextLength: number, options: PlacesOptions) {
    this.#device = device;
    this.#contextLength = contextLength;
    this.#options = options;
  }

  /** int32 [rows, length]; padding beyond the context has its last position. */
  get positionIds(): Tensor {
    return this.#made('positions', () => {
      const { rows, length } = this.#options;
      const positions = new Int32Array(rows * length);
      for (let row = 0; row < rows; row += 1) {
        for (let t = 0; t < length; t += 1) positions[row * length + t] = this.#positionOf(row, t);
      }
      return this.#device.upload(positions, [rows, length], 'position ids');
    });
  }

  /** Cosines and sines of the angles that the tokens' positions turn pairs by, [rows, 1, length, pairs] each. */
  rotary(rotary: Rotary): { readonly cos: Tensor; readonly sin: Tensor } {
    const known = this.#rotary.get(rotary);
    if (known) return known;
    const { rows, length } = this.#options;
    const pairs = rotary.frequencies.length;
    // In float32 where transformers rounds: the frequencies and their products with positions.
    const frequencies = Float32Array.from(rotary.frequencies);
    const cos = new Float32Array(rows * length * pairs);
    const sin = new Float32Array(rows * length * pairs);
    for (let row = 0, at = 0; row < rows; row += 1) {
      for (let t = 0; t < length; t += 1) {
        const position = this.#positionOf(row, t);
        for (let pair = 0; pair < pairs; pair += 1, at += 1) {
          const angle = Math.fround(position * frequencies[pair]);
          cos[at] = rotary.scale * Math.cos(angle);
          sin[at] = rotary.scale * Math.sin(angle);
        }
      }
    }
    const upload = (values: Float32Array, label: string): Tensor =>
      this.#scope.track(this.#device.upload(values, [rows, 1, length, pairs], label));
    const made = { cos: upload(cos, 'rotary cosines'), sin: upload(sin, 'rotary sines') };
    this.#rotary.set(rotary, made);
    return made;
  }

  /** [1, 1, length, length]: 0 where a token may look, a large negative number elsewhere; the same for every row. */
  causalMask(window: number | null): Tensor {
    return this.#made(`causal ${window}`, () => {
      const { length } = this.#options;
      const mask = new Float32Array(length * length);
      for (let i = 0; i < length; i += 1) {
        mask.fill(MASKED, i * length + i + 1, (i + 1) * length);
        if (window !== null) mask.fill(MASKED, i * length, i * length + Math.max(0, i - window + 1));
      }
      return this.#device.upload(mask, [1, 1, length, length], 'causal mask');
    });
  }

  /**
   * Over the cached places, [rows, 1, 1, past]; with a window, which tokens look at differently, [rows, 1, length, past].
   * @throws DeviceError where there is no past
   */
  pastMask(window: number | null): Tensor {
    const { rows, length, past } = this.#options;
    if (!past) throw new DeviceError('This batch has no cached tokens.');
    return this.#made(`past ${window}`, () => {
      const queries = window === null ? 1 : length;
      const mask = new Float32Array(rows * queries * past.length).fill(MASKED);
      for (let row = 0; row < rows; row += 1) {
        for (let place = 0; place < past.length; place += 1) {
          const position = past.positionOf(row, place);
          if (position === null) continue;
          for (let query = 0; query < queries; query += 1) {
            const seen = window === null || this.#positionOf(row, query) - position < window;
            if (seen) mask[(row * queries + query) * past.length + place] = 0;
          }
        }
      }
      return this.#device.upload(mask, [rows, 1, queries, past.length], 'past mask');
    });
  }

  /** The places of some of the rows, in the order given. */
  select(rows: readonly number[]): TokenPlaces {
    const { offsets, past, ...rest } = this.#options;
    return new TokenPlaces(this.#device, this.#contextLength, {
      ...rest,
      rows: rows.length,
      ...(offsets && { offsets: rows.map((row) => offsets[row]) }),
      past: past && { length: past.length, positionOf: (row, place) => past.positionOf(rows[row], place) },
    });
  }

  /** `length` tokens of every row from its token `start` on; those before are its past, in as many places as there are tokens in all. */
  stretch(start: number, length: number): TokenPlaces {
    const { rows, length: whole, past } = this.#options;
    const pastLength = past?.length ?? 0;
    const positionOf = (row: number, place: number): number | null => {
      if (place < pastLength) return past!.positionOf(row, place);
      return place - pastLength < start ? this.#positionOf(row, place - pastLength) : null;
    };
    return new TokenPlaces(this.#device, this.#contextLength, {
      rows,
      length,
      offsets: Array.from({ length: rows }, (_, row) => (this.#options.offsets?.[row] ?? 0) + start),
      past: { length: pastLength + whole, positionOf },
    });
  }

  dispose(): void {
    this.#scope.dispose();
    this.#tensors.clear();
    this.#rotary.clear();
  }

  #positionOf(row: number, token: number): number {
    return Math.min((this.#options.offsets?.[row] ?? 0) + token, this.#contextLength - 1);
  }

  #made(key: string, make: () => Tensor): Tensor {
    let tensor = this.#tensors.get(key);
    if (!tensor) {
      tensor = this.#scope.track(make());
      this.#tensors.set(key, tensor);
    }
    return tensor;
  }
}
