/** Files that the user chooses or drops, as text. */
import { decodeText, GUESSED_ENCODING } from '../engine/text.ts';

/** The file's text and the name it is shown by, which says where its encoding was guessed. */
export async function readTextFile(file: File): Promise<{ name: string; text: string }> {
  const { text, encoding } = decodeText(new Uint8Array(await file.arrayBuffer()));
  return { name: encoding === GUESSED_ENCODING ? `${file.name}, read as ${encoding}` : file.name, text };
}
