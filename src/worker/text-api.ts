/** Reading files the way the command line does, before they are sent to the worker as text. */
export { decodeText, GUESSED_ENCODING } from '../engine/text.ts';
