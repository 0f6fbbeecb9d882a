/**
 * Keeps large buffers that were given back for the next tensor of the same size. Drivers take milliseconds to allocate and clear what a kernel
 * fills in one (docs/performance.md), and runs ask for the same sizes at every step. What is used again is not zero.
 */

/** Smaller buffers are cut out of memory that the browser holds anyway. */
const SMALLEST = 2 ** 20;
/** What lies idle at most, in bytes. */
export const MOST_IDLE = 2 ** 28;

export class BufferPool {
  /** Those given back last are last. */
  #idle: GPUBuffer[] = [];
  #bytes = 0;

  /** A buffer of this size that was given back, or null. */
  take(size: number): GPUBuffer | null {
    const at = this.#idle.findLastIndex((buffer) => buffer.size === size);
    if (at < 0) return null;
    this.#bytes -= size;
    return this.#idle.splice(at, 1)[0];
  }

  /** Takes over a buffer that nobody uses any more but for what is queued already; frees those idle for longest where they are too many. */
  give(buffer: GPUBuffer): void {
    if (buffer.size < SMALLEST || buffer.size > MOST_IDLE) {
      buffer.destroy();
      return;
    }
    this.#idle.push(buffer);
    this.#bytes += buffer.size;
    while (this.#bytes > MOST_IDLE) this.#free(this.#idle.shift()!);
  }

  /** Frees all that is idle. */
  clear(): void {
    for (const buffer of this.#idle.splice(0)) this.#free(buffer);
  }

  #free(buffer: GPUBuffer): void {
    this.#bytes -= buffer.size;
    buffer.destroy();
  }
}
