/** The part of the contract that concerns models of the hub: what is downloaded, and what this browser keeps. */

/** A model to download, and how to reach the hub. */
export interface HubOrder {
  /** As it was typed: owner/name, owner/name@revision, or the address of its page. */
  model: string;
  /** Address of the hub. */
  endpoint: string;
  /** Access token for gated and private models; goes to the hub and is not kept. */
  token: string | null;
}

export interface DownloadProgress {
  /** “Asking the hub”, “Downloading”, “Checking” bytes that are there already, “Waiting” for another try. */
  stage: 'Asking the hub' | 'Downloading' | 'Checking' | 'Waiting';
  /** `owner/name`. */
  model: string;
  /** The file at hand, and its bytes so far and in all. */
  file: string;
  fileLoaded: number;
  fileTotal: number;
  /** Bytes of all files, so far and in all; 0 while that is not known. */
  loaded: number;
  total: number;
  secondsLeft: number | null;
  /** Why it waits; else empty. */
  reason: string;
}

/** A model that this browser keeps, whole or as far as it has come. */
export interface KeptModel {
  /** `owner/name`. */
  id: string;
  /** What was asked for: a branch, a tag or a commit. */
  revision: string;
  commit: string;
  /** The hub it came from. */
  endpoint: string;
  bytes: number;
  totalBytes: number;
  /** All of it is there and checked. */
  whole: boolean;
  /** When it was last asked for, as an ISO date. */
  keptAt: string;
}

export interface ModelShelf {
  /** Last asked for first. */
  models: KeptModel[];
  /** Whether models outlive the visit; where a browser gives a page no files of its own they do not. */
  lasting: boolean;
  /** Bytes of everything this page stores, and how many it may; null where the browser does not tell. */
  usedBytes: number | null;
  quotaBytes: number | null;
  /** The browser has promised not to clear what the page stores by itself; null where it does not tell. */
  persisted: boolean | null;
}

export interface DownloadedModel {
  model: KeptModel;
  /** What was done otherwise than asked, in a sentence; else null. */
  note: string | null;
}
