/** How fast bytes come, and how long the rest takes. */

/** What came longer ago no longer counts: connections change their minds. */
const WINDOW_SECONDS = 15;

/** Below this the first bytes, which come in a rush, would mislead. */
const LEAST_SECONDS = 1;

export class TransferRate {
  readonly #now: () => number;
  /** Seconds and bytes in all at that time, oldest first. */
  #marks: { at: number; bytes: number }[] = [];

  /** @param now seconds */
  constructor(now: () => number = () => performance.now() / 1000) {
    this.#now = now;
  }

  /** So many bytes are there now. */
  mark(bytes: number): void {
    const at = this.#now();
    // A few marks a second are enough.
    const last = this.#marks.at(-1);
    if (last && this.#marks.length > 1 && at - this.#marks[this.#marks.length - 2].at < 0.25) {
      last.at = at;
      last.bytes = bytes;
    } else {
      this.#marks.push({ at, bytes });
    }
    while (this.#marks.length > 2 && at - this.#marks[1].at >= WINDOW_SECONDS) this.#marks.shift();
  }

  /** Bytes begin anew: what was there before did not come over this connection. */
  restart(): void {
    this.#marks = [];
  }

  /** Seconds until `bytes` more are there; null while that cannot be told. */
  secondsFor(bytes: number): number | null {
    const [first] = this.#marks;
    const last = this.#marks.at(-1);
    if (!last) return null;
    const seconds = this.#now() - first.at;
    const came = last.bytes - first.bytes;
    return seconds < LEAST_SECONDS || came <= 0 ? null : (bytes * seconds) / came;
  }
}
