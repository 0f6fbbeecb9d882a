/** The number formats of GGUF tensors: how many values and bytes a block has, and which of them are read. */
import type { FloatDtype } from '../dtype.ts';
import { DEQUANTIZERS, type Dequantizer } from './dequantize.ts';

export interface GgufType {
  readonly name: string;
  /** Values a block; rows are whole blocks. */
  readonly blockSize: number;
  /** Bytes a block. */
  readonly blockBytes: number;
  /** What its values are given as: as they are stored, or as float32 where they are quantised. */
  readonly dtype: FloatDtype;
  /** Null where values are not quantised. */
  readonly dequantize: Dequantizer | null;
}

const plain = (name: FloatDtype, blockBytes: number): GgufType => ({
  name,
  blockSize: 1,
  blockBytes,
  dtype: name,
  dequantize: null,
});

const quantized = (name: keyof typeof DEQUANTIZERS, blockSize: number, blockBytes: number): GgufType => ({
  name,
  blockSize,
  blockBytes,
  dtype: 'F32',
  dequantize: DEQUANTIZERS[name],
});

/** By the numbers that a file has for them (ggml.h: enum ggml_type). */
const TYPES: ReadonlyMap<number, GgufType> = new Map([
  [0, plain('F32', 4)],
  [1, plain('F16', 2)],
  [2, quantized('Q4_0', 32, 18)],
  [3, quantized('Q4_1', 32, 20)],
  [6, quantized('Q5_0', 32, 22)],
  [7, quantized('Q5_1', 32, 24)],
  [8, quantized('Q8_0', 32, 34)],
  [12, quantized('Q4_K', 256, 144)],
  [13, quantized('Q5_K', 256, 176)],
  [14, quantized('Q6_K', 256, 210)],
  [30, plain('BF16', 2)],
]);

/** Formats that are known by name only. */
const OTHER_NAMES: ReadonlyMap<number, string> = new Map([
  [9, 'Q8_1'],
  [10, 'Q2_K'],
  [11, 'Q3_K'],
  [15, 'Q8_K'],
  [16, 'IQ2_XXS'],
  [17, 'IQ2_XS'],
  [18, 'IQ3_XXS'],
  [19, 'IQ1_S'],
  [20, 'IQ4_NL'],
  [21, 'IQ3_S'],
  [22, 'IQ2_S'],
  [23, 'IQ4_XS'],
  [24, 'I8'],
  [25, 'I16'],
  [26, 'I32'],
  [27, 'I64'],
  [28, 'F64'],
  [29, 'IQ1_M'],
  [34, 'TQ1_0'],
  [35, 'TQ2_0'],
  [39, 'MXFP4'],
  [40, 'NVFP4'],
  [41, 'Q1_0'],
]);

/** The names of the formats that are read, for messages. */
export const GGUF_TYPE_NAMES: readonly string[] = [...TYPES.values()].map(({ name }) => name);

export function ggufType(id: number): GgufType | undefined {
  return TYPES.get(id);
}

/** The format's name, or its number where it has none here. */
export function ggufTypeName(id: number): string {
  return TYPES.get(id)?.name ?? OTHER_NAMES.get(id) ?? `number ${id}`;
}
