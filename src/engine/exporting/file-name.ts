/** Names for downloaded files that say which model and which edits, in letters every file system takes. */

export interface ExportName {
  model: string;
  /** What was edited, in words, the first being named in the file ("Eiffel Tower → Rome"). */
  edits: readonly string[];
  /** What the file holds of it, in a word ("changed", "patch"); absent for the whole model. */
  part?: string;
}

const MAX_PART_LENGTH = 48;

/** For example `demo-eiffel-tower-rome-2-more.safetensors` or `demo-eiffel-tower-rome-patch.safetensors`. */
export function exportFileName({ model, edits, part }: ExportName): string {
  const parts = [slug(model) || 'model'];
  if (edits.length > 0) parts.push(slug(edits[0]) || 'edit');
  if (edits.length > 1) parts.push(`${edits.length - 1}-more`);
  if (part !== undefined) parts.push(part);
  return `${parts.join('-')}.safetensors`;
}

/** Lower-case ASCII letters and digits with single hyphens; accents are dropped, other scripts leave nothing. */
function slug(text: string): string {
  const ascii = text.normalize('NFKD').replace(/\p{Mark}/gu, '');
  const hyphenated = ascii.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return hyphenated
    .slice(0, MAX_PART_LENGTH + 1)
    .replace(/^-+|-+$/g, '')
    .slice(0, MAX_PART_LENGTH);
}
