/** What a model is called on a hub: its repository and which version of it. */

export const DEFAULT_ENDPOINT = 'https://huggingface.co';

const DEFAULT_REVISION = 'main';

export interface HubName {
  /** `owner/name`; some old repositories have no owner. */
  readonly id: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
}

/** A part of an id, as the hub allows it. */
const PART = /^(?![-.])(?!.*(?:--|\.\.))[\w.-]{1,96}(?<![-.])$/;

/** Parts of branch names; not `.` and `..`, which an address would swallow. */
const REVISION = /^(?!.*(?:^|\/)\.{1,2}(?:\/|$))[\w.-]+(?:\/[\w.-]+)*$/;

/**
 * Reads `owner/name`, `owner/name@revision` and addresses of a model's page; null where the text is none of these.
 * (huggingface_hub: `validate_repo_id`.)
 */
export function parseHubName(text: string): HubName | null {
  const [, path, tree] =
    /^\s*(?:https?:\/\/[^/]+\/)?([^\s?#]*?)(?:\/(?:tree|blob|resolve)\/([^\s?#]+))?\/?(?:[?#]\S*)?\s*$/.exec(text) ?? [
      text,
      '',
      undefined,
    ];
  const at = path.indexOf('@');
  const id = at < 0 ? path : path.slice(0, at);
  // The page of a file has the file's path behind the revision; branches with a slash are written with “@”.
  const revision = at < 0 ? (tree?.split('/')[0] ?? DEFAULT_REVISION) : path.slice(at + 1);
  const parts = id.split('/');
  if (parts.length > 2 || !parts.every((part) => PART.test(part)) || !REVISION.test(revision)) return null;
  return { id, revision };
}

/** Whether a revision is a commit, which never changes. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}
