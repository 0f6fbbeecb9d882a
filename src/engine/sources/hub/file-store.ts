/** Where downloaded files are kept: the files of one model at one commit. The browser and Node have one each. */
import type { ByteSource } from '../../weights/byte-source.ts';
import type { HubFile } from './listing.ts';

export interface FileStore {
  /** The file, once it is whole and checked; null before. */
  open(file: HubFile): Promise<ByteSource | null>;
  /**
   * The file as far as it is there, to be gone on with; empty where nothing is. One caller at a time, until it is finished or closed.
   * @throws EngineError ('storage')
   */
  part(file: HubFile): Promise<FilePart>;
}

/** A file that is being downloaded. All methods throw EngineError ('storage'), also when there is no room left. */
export interface FilePart {
  /** Bytes that are there. */
  readonly size: number;
  /** Bytes that are there already, in [start, end). */
  read(start: number, end: number): Promise<Uint8Array>;
  append(bytes: Uint8Array): Promise<void>;
  /** Forgets every byte. */
  clear(): Promise<void>;
  /** The bytes are the file's: from now on {@link FileStore.open} gives it. */
  finish(): Promise<void>;
  /** Lets go of the file and keeps its bytes. Does nothing after `finish`. */
  close(): Promise<void>;
}
