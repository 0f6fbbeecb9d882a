/** Frees what a computation made along the way, also when it throws or is cancelled. */
/** Tensors, and whatever else owns memory of a device. */
export interface Disposable {
  dispose(): void;
}

export class TensorScope {
  readonly #owned = new Set<Disposable>();

  /** Registers `owned` for disposal at the end of the scope and returns it. */
  track<T extends Disposable>(owned: T): T {
    this.#owned.add(owned);
    return owned;
  }

  /** Takes `owned` out of the scope: the caller frees it now. */
  release<T extends Disposable>(owned: T): T {
    this.#owned.delete(owned);
    return owned;
  }

  /** Frees `owned` before the scope ends. */
  drop(owned: Disposable): void {
    this.#owned.delete(owned);
    owned.dispose();
  }

  dispose(): void {
    for (const owned of this.#owned) owned.dispose();
    this.#owned.clear();
  }
}

/** Runs `body` with a scope and frees what it tracks afterwards. */
export async function scoped<T>(body: (scope: TensorScope) => Promise<T>): Promise<T> {
  const scope = new TensorScope();
  try {
    return await body(scope);
  } finally {
    scope.dispose();
  }
}
