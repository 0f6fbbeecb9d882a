import { halfInterval } from '../interval.ts';

/** Mean and 95 % interval of a number per layer, over as many cases as are added. */
export class LayerMeans {
  #count = 0;
  readonly #mean: number[];
  /** Σ (x − mean)², kept by Welford's method. */
  readonly #squares: number[];

  constructor(layerCount: number) {
    this.#mean = new Array<number>(layerCount).fill(0);
    this.#squares = new Array<number>(layerCount).fill(0);
  }

  get count(): number {
    return this.#count;
  }

  add(values: readonly number[]): void {
    this.#count += 1;
    values.forEach((value, layer) => {
      const difference = value - this.#mean[layer];
      this.#mean[layer] += difference / this.#count;
      this.#squares[layer] += difference * (value - this.#mean[layer]);
    });
  }

  mean(): number[] {
    return [...this.#mean];
  }

  /** Half of it. */
  interval(): number[] {
    return this.#squares.map((sum) => halfInterval(sum, this.#count));
  }
}
