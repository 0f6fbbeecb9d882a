/** A job held between two steps, and let go on: all the way, or by one step. */

export class PauseGate {
  /** 'step': goes on until the next step is made. */
  #state: 'open' | 'step' | 'held' = 'open';
  #waiting: (() => void)[] = [];
  #heldMs = 0;
  /** Null while no job can be held. */
  #onHold: (() => void) | null = null;

  /** Nothing is held that came too late: the next job would wait, and nobody would know. */
  hold(): void {
    if (this.#onHold) this.#state = 'held';
  }

  /** From here on the job can be held. @param onHold told every time it begins to wait */
  watch(onHold: () => void): void {
    this.#onHold = onHold;
  }

  goOn(by: 'step' | 'open' = 'open'): void {
    this.#state = by;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const release of waiting) release();
  }

  /** For the next job: nothing is held, and no time was. */
  reset(): void {
    this.goOn();
    this.#heldMs = 0;
    this.#onHold = null;
  }

  /** A step is made: whoever asked for one has it. */
  stepped(): void {
    if (this.#state === 'step') this.#state = 'held';
  }

  /** Milliseconds that jobs waited here. */
  get heldMs(): number {
    return this.#heldMs;
  }

  /** Resolves when nothing is held, or the signal is aborted. */
  async wait(signal: AbortSignal): Promise<void> {
    // Let go and held again, it goes on waiting.
    while (this.#state === 'held' && !signal.aborted) {
      const began = performance.now();
      this.#onHold?.();
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      this.#heldMs += performance.now() - began;
    }
  }
}
