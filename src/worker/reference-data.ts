/** The data that ship with the page, in its folder data/. */
import { ReferenceData } from '../engine/knowledge/reference-data.ts';
import { httpFolder } from '../engine/sources/http-folder.ts';
// One of the files tells where the folder lies, in development and under any path that the built page is served from.
import factsUrl from '/data/facts.json?url';

export function referenceData(): ReferenceData {
  return new ReferenceData(httpFolder(new URL('.', new URL(factsUrl, import.meta.url)).href));
}
