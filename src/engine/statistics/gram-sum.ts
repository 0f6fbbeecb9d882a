/**
 * Σ xᵀx over rows that come in pieces. On a GPU the kernels add in place. On the CPU the runtime's matrix product, which is
 * many times faster than a product in JavaScript, multiplies a piece in float32, and the pieces are added in float64.
 */
import { GraphBuilder } from '../graph/builder.ts';
import { serializeModel } from '../graph/serialize.ts';
import type { LinearAlgebra } from '../linalg/linear-algebra.ts';
import type { GraphSession, Runtime } from '../runtime/runtime.ts';
import { scoped } from '../runtime/scope.ts';
import { Tensor } from '../runtime/tensor.ts';

/** The sum of one layer. */
export interface GramSum {
  /** @param rows [count, F] */
  add(rows: Tensor): Promise<void>;
  /** `factor` times the sum, [F, F], symmetric to the last bit; the caller's. */
  scaled(factor: number): Promise<Tensor>;
  dispose(): void;
}

/** A sum to go on from: `factor` times the matrix [F, F], which stays the caller's. */
export interface GramStart {
  readonly matrix: Tensor;
  readonly factor: number;
}

/** Makes the sums of several layers. */
export interface GramSums {
  create(start?: GramStart): Promise<GramSum>;
  release(): Promise<void>;
}

/** @param size F */
export async function gramSums(runtime: Runtime, linalg: LinearAlgebra, size: number): Promise<GramSums> {
  return runtime.device.kind === 'gpu' ? new KernelGramSums(linalg, size) : RuntimeGramSums.create(runtime, size);
}

class KernelGramSums implements GramSums {
  readonly #linalg: LinearAlgebra;
  readonly #size: number;

  constructor(linalg: LinearAlgebra, size: number) {
    this.#linalg = linalg;
    this.#size = size;
  }

  async create(start?: GramStart): Promise<GramSum> {
    const linalg = this.#linalg;
    const sum = start
      ? await linalg.addScaled(start.matrix, start.factor, start.matrix, 0)
      : linalg.device.zeros([this.#size, this.#size]);
    return {
      add: (rows) => linalg.addGram(sum, rows),
      scaled: (factor) => linalg.addScaled(sum, factor, sum, 0),
      dispose: () => sum.dispose(),
    };
  }

  release(): Promise<void> {
    return Promise.resolve();
  }
}

/** Strips of rows that the lower triangle is multiplied in: four spare 3/8 of the full product. */
const STRIPS = 4;

/** Rows multiplied at once: their products are summed in float32, so few enough for its precision. */
const ROWS = 256;

/** Rows `from` to `to` of the lower triangle with the columns before `to`. */
interface Strip {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

class RuntimeGramSums implements GramSums {
  readonly #session: GraphSession;
  readonly #size: number;
  readonly #strips: readonly Strip[];

  private constructor(session: GraphSession, size: number, strips: readonly Strip[]) {
    this.#session = session;
    this.#size = size;
    this.#strips = strips;
  }

  static async create(runtime: Runtime, size: number): Promise<RuntimeGramSums> {
    const strips = stripsOf(size);
    const session = await runtime.createSession(serializeModel(gramGraph(size, strips)), 'gram');
    return new RuntimeGramSums(session, size, strips);
  }

  create(start?: GramStart): Promise<GramSum> {
    return Promise.resolve(new RuntimeGramSum(this.#session, this.#size, this.#strips, start));
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

class RuntimeGramSum implements GramSum {
  readonly #session: GraphSession;
  readonly #size: number;
  readonly #strips: readonly Strip[];
  readonly #sums: Float64Array[];

  constructor(session: GraphSession, size: number, strips: readonly Strip[], start?: GramStart) {
    this.#session = session;
    this.#size = size;
    this.#strips = strips;
    this.#sums = strips.map(({ from, to }) => {
      const sum = new Float64Array((to - from) * to);
      if (!start) return sum;
      const values = start.matrix.floats;
      for (let i = from; i < to; i += 1)
        for (let j = 0; j < to; j += 1) sum[(i - from) * to + j] = start.factor * values[i * size + j];
      return sum;
    });
  }

  async add(rows: Tensor): Promise<void> {
    const [count] = rows.dims;
    for (let first = 0; first < count; first += ROWS) {
      const piece = rows.floats.subarray(first * this.#size, Math.min(count, first + ROWS) * this.#size);
      await scoped(async (scope) => {
        const x = Tensor.fromData(piece, [piece.length / this.#size, this.#size]);
        const products = await this.#session.run(
          { x },
          this.#strips.map(({ name }) => name),
        );
        this.#strips.forEach(({ name }, s) => {
          const sum = this.#sums[s];
          const { floats } = scope.track(products[name]);
          for (let i = 0; i < sum.length; i += 1) sum[i] += floats[i];
        });
      });
    }
  }

  scaled(factor: number): Promise<Tensor> {
    const size = this.#size;
    const matrix = new Float32Array(size * size);
    this.#strips.forEach(({ from, to }, s) => {
      const sum = this.#sums[s];
      for (let i = from; i < to; i += 1) {
        for (let j = 0; j <= i; j += 1) {
          const value = factor * sum[(i - from) * to + j];
          matrix[i * size + j] = value;
          matrix[j * size + i] = value;
        }
      }
    });
    return Promise.resolve(Tensor.fromData(matrix, [size, size]));
  }

  dispose(): void {
    this.#sums.length = 0;
  }
}

function stripsOf(size: number): Strip[] {
  const edges = Array.from({ length: STRIPS + 1 }, (_, i) => Math.round((i * size) / STRIPS));
  return edges
    .slice(1)
    .map((to, i) => ({ name: `strip_${i}`, from: edges[i], to }))
    .filter(({ from, to }) => to > from);
}

/** x [rows, F] → per strip [to − from, to]. */
function gramGraph(size: number, strips: readonly Strip[]): GraphBuilder {
  const g = new GraphBuilder('gram');
  const x = g.input('x', 'float32', ['rows', size]);
  for (const { name, from, to } of strips) {
    const columns = g.slice(x, 1, from, to);
    g.output(name, g.matmul(g.transpose(columns, [1, 0]), g.slice(x, 1, 0, to)));
  }
  return g;
}
