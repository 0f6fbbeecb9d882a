/**
 * What a token spells, in bytes. Byte-level vocabularies (GPT-2 and most since) write every byte as one printable
 * character; SentencePiece vocabularies (Llama 2, Gemma) write a space as ▁ and odd bytes as <0xE2>.
 */

/** GPT-2's byte alphabet: printable bytes stand for themselves, the others for the characters from U+0100 on. */
const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = byteAlphabet();
const CHARACTERS: readonly string[] = charactersByByte();

const SENTENCEPIECE_SPACE = '▁';
const BYTE_TOKEN = /^<0x([0-9A-F]{2})>$/;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export type TokenAlphabet = 'byte-level' | 'sentencepiece';

/** The bytes that the vocabulary entry `token` spells. */
export function tokenBytes(token: string, alphabet: TokenAlphabet): Uint8Array {
  if (alphabet === 'byte-level') {
    // A character outside the alphabet belongs to a token that was added as plain text.
    return Uint8Array.from([...token].flatMap((character) => BYTE_OF_CHARACTER.get(character) ?? [...utf8(character)]));
  }
  const byte = BYTE_TOKEN.exec(token);
  return byte ? Uint8Array.of(parseInt(byte[1], 16)) : utf8(withPlainSpaces(token));
}

/** The bytes in the byte-level alphabet. */
export function byteLevelText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += CHARACTERS[byte];
  return text;
}

/** SentencePiece's ▁ as the space that it stands for. */
export function withPlainSpaces(text: string): string {
  return text.replaceAll(SENTENCEPIECE_SPACE, ' ');
}

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Decodes UTF-8; what is no character becomes U+FFFD. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Number of bytes of the well-formed UTF-8 character at `offset`, or 0 where none starts or it is cut off. */
export function characterLength(bytes: Uint8Array, offset: number): number {
  const lead = bytes[offset];
  const length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 0;
  if (length === 0 || offset + length > bytes.length) return 0;
  return fromUtf8(bytes.subarray(offset, offset + length)).includes('\ufffd') ? 0 : length;
}

function byteAlphabet(): Map<string, number> {
  const alphabet = new Map<string, number>();
  let unprintable = 0;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    alphabet.set(String.fromCharCode(printable ? byte : 256 + unprintable++), byte);
  }
  return alphabet;
}

function charactersByByte(): string[] {
  const characters = new Array<string>(256);
  for (const [character, byte] of BYTE_OF_CHARACTER) characters[byte] = character;
  return characters;
}
