/** Writes small GGUF files, sound and unsound ones, for tests of what reads them. */

/** Metadata values with their types, by key. */
export type Metadata = Readonly<Record<string, MetadataValue>>;
export type MetadataValue =
  | { readonly u32: number }
  | { readonly u64: bigint }
  | { readonly i8: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly text: string }
  | { readonly texts: readonly string[] }
  | { readonly i32s: readonly number[] }
  | { readonly nested: readonly (readonly number[])[] }
  | { readonly type: number };

export interface TensorOfFile {
  readonly name: string;
  /** Innermost dimension first, as in the file. */
  readonly dimensions: readonly number[];
  /** Of enum ggml_type. */
  readonly type: number;
  /** Where the data lies in the data area; after the tensor before when absent. */
  readonly offset?: number;
  readonly data: Uint8Array;
}

interface Options {
  readonly magic?: string;
  readonly version?: number;
  readonly bigEndian?: boolean;
  readonly alignment?: number;
}

const ALIGNMENT = 32;

export function ggufBytes(
  metadata: Metadata,
  tensors: readonly TensorOfFile[] = [],
  options: Options = {},
): Uint8Array {
  const { magic = 'GGUF', version = 3, bigEndian = false, alignment = ALIGNMENT } = options;
  const writer = new Writer(!bigEndian);
  writer.raw(new TextEncoder().encode(magic));
  writer.u32(version);
  writer.u64(tensors.length);
  writer.u64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) {
    writer.text(key);
    writer.value(value);
  }
  let end = 0;
  const places = tensors.map(({ offset = end, data }) => {
    end = Math.ceil((offset + data.byteLength) / alignment) * alignment;
    return offset;
  });
  for (const [i, { name, dimensions, type }] of tensors.entries()) {
    writer.text(name);
    writer.u32(dimensions.length);
    for (const dimension of dimensions) writer.u64(dimension);
    writer.u32(type);
    writer.u64(places[i]);
  }
  writer.align(alignment);
  for (const { data } of tensors) {
    writer.raw(data);
    writer.align(alignment);
  }
  return Uint8Array.from(writer.bytes);
}

class Writer {
  readonly bytes: number[] = [];
  readonly #littleEndian: boolean;

  constructor(littleEndian: boolean) {
    this.#littleEndian = littleEndian;
  }

  raw(bytes: Uint8Array): void {
    for (const byte of bytes) this.bytes.push(byte);
  }

  u32(value: number): void {
    this.#number(4, (view) => view.setUint32(0, value, this.#littleEndian));
  }

  u64(value: number | bigint): void {
    this.#number(8, (view) => view.setBigUint64(0, BigInt(value), this.#littleEndian));
  }

  text(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.u64(bytes.length);
    this.raw(bytes);
  }

  value(value: MetadataValue): void {
    if ('u32' in value) {
      this.u32(4);
      this.u32(value.u32);
    } else if ('u64' in value) {
      this.u32(10);
      this.u64(value.u64);
    } else if ('i8' in value) {
      this.u32(1);
      this.#number(1, (view) => view.setInt8(0, value.i8));
    } else if ('f32' in value) {
      this.u32(6);
      this.#number(4, (view) => view.setFloat32(0, value.f32, this.#littleEndian));
    } else if ('bool' in value) {
      this.u32(7);
      this.bytes.push(value.bool ? 1 : 0);
    } else if ('text' in value) {
      this.u32(8);
      this.text(value.text);
    } else if ('texts' in value) {
      this.#list(8, value.texts, (text) => this.text(text));
    } else if ('i32s' in value) {
      this.#list(5, value.i32s, (number) => this.#i32(number));
    } else if ('nested' in value) {
      this.u32(9);
      this.#items(9, value.nested, (list) => this.#items(5, list, (number) => this.#i32(number)));
    } else {
      this.u32(value.type);
    }
  }

  align(alignment: number): void {
    while (this.bytes.length % alignment !== 0) this.bytes.push(0);
  }

  #i32(value: number): void {
    this.#number(4, (view) => view.setInt32(0, value, this.#littleEndian));
  }

  #list<T>(type: number, items: readonly T[], write: (item: T) => void): void {
    this.u32(9);
    this.#items(type, items, write);
  }

  #items<T>(type: number, items: readonly T[], write: (item: T) => void): void {
    this.u32(type);
    this.u64(items.length);
    for (const item of items) write(item);
  }

  #number(size: number, write: (view: DataView) => void): void {
    const bytes = new Uint8Array(size);
    write(new DataView(bytes.buffer));
    this.raw(bytes);
  }
}
