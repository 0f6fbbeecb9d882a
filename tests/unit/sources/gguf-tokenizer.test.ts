import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GgufMetadata } from '../../../src/engine/sources/gguf/metadata.ts';
import { SPLITTING_NAMES } from '../../../src/engine/sources/gguf/pre-tokenizers.ts';
import { tokenizerFiles } from '../../../src/engine/sources/gguf/tokenizer-files.ts';
import { ModelTokenizer } from '../../../src/engine/tokens/tokenizer.ts';
import { memorySource } from '../../../src/engine/weights/byte-source.ts';
import { readGguf, type GgufFile } from '../../../src/engine/weights/gguf/gguf-file.ts';
import type { GgufValue } from '../../../src/engine/weights/gguf/header-reader.ts';

interface Goldens {
  byteLevel: { pre: string; ids: number[][] }[];
  sentencePiece: { texts: string[]; ids: number[][] };
}
const goldens = JSON.parse(readFileSync('tests/reference/goldens/gguf-tokenizers.json', 'utf8')) as Goldens;
const texts = JSON.parse(readFileSync('tests/reference/data/tokenizer-texts.json', 'utf8')) as string[];

const read = (name: string): Promise<GgufFile> =>
  readGguf(memorySource(name, new Uint8Array(readFileSync(`tests/reference/models/gguf/${name}.gguf`))));

function tokenizerOf(file: GgufFile, changes: Record<string, GgufValue> = {}): ModelTokenizer {
  const metadata = new Map([...file.metadata, ...Object.entries(changes)]);
  const { tokenizer, config } = tokenizerFiles(new GgufMetadata({ ...file, metadata }));
  return ModelTokenizer.create(JSON.stringify(tokenizer), JSON.stringify(config));
}

describe('a byte-level tokenizer from metadata', async () => {
  const file = await read('byte-level');

  it.each(goldens.byteLevel)('splits text as $pre does', ({ pre, ids }) => {
    const tokenizer = tokenizerOf(file, { 'tokenizer.ggml.pre': pre });
    for (const [i, text] of texts.entries()) expect(tokenizer.encode(text, { special: false }), text).toEqual(ids[i]);
  });

  it('knows every way of splitting, most of which have a golden', () => {
    expect(SPLITTING_NAMES).toEqual(expect.arrayContaining(goldens.byteLevel.map(({ pre }) => pre)));
    for (const pre of SPLITTING_NAMES) expect(() => tokenizerOf(file, { 'tokenizer.ggml.pre': pre })).not.toThrow();
  });

  it('puts the begin token first where the metadata, or else the kind, says so', () => {
    const first = (changes: Record<string, GgufValue>): number =>
      tokenizerOf(file, changes).encode('The', { special: true })[0];
    expect(first({})).not.toBe(1);
    expect(first({ 'tokenizer.ggml.add_bos_token': true })).toBe(1);
    expect(first({ 'tokenizer.ggml.pre': 'llama-bpe' })).toBe(1);
    expect(first({ 'tokenizer.ggml.pre': 'llama-bpe', 'tokenizer.ggml.add_bos_token': false })).not.toBe(1);
  });

  it('ends texts with the end token where the metadata says so, and finds it', () => {
    const tokenizer = tokenizerOf(file, { 'tokenizer.ggml.add_eos_token': true });
    expect(tokenizer.endOfTextId).toBe(0);
    expect(tokenizer.decode(tokenizer.encode('The', { special: false }))).toBe('The');
  });
});

describe('a SentencePiece tokenizer from metadata', async () => {
  const file = await read('sentencepiece');

  it('gives the ids of SentencePiece', () => {
    const tokenizer = tokenizerOf(file);
    const { texts: plain, ids } = goldens.sentencePiece;
    for (const [i, text] of plain.entries()) expect(tokenizer.encode(text, { special: false }), text).toEqual(ids[i]);
  });

  it('begins texts with the begin token unless the metadata says otherwise, and keeps added tokens whole', () => {
    expect(tokenizerOf(file).encode('The', { special: true })[0]).toBe(1);
    const bare = tokenizerOf(file, { 'tokenizer.ggml.add_bos_token': false, 'tokenizer.ggml.add_space_prefix': false });
    const ids = bare.encode('The <think>', { special: true });
    expect(ids[0]).not.toBe(1);
    expect(bare.decode(ids)).toBe('The <think>');
    expect(bare.tokenText(ids.at(-1)!)).toBe('<think>');
  });
});
