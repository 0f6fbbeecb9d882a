/** The data that ship, in the program's own folder. */
import { fileURLToPath } from 'node:url';
import { ReferenceData } from '../engine/knowledge/reference-data.ts';
import { folderSource } from './folder-source.ts';

const DATA = fileURLToPath(new URL('../../public/data/', import.meta.url));

export function referenceData(): ReferenceData {
  return new ReferenceData(folderSource(DATA));
}
