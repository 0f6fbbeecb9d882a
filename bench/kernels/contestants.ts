/** Our kernels and their peers behind one interface. Every one works on matrices in GPU memory and leaves its result there. */
import { GraphBuilder } from '../../src/engine/graph/builder.ts';
import { serializeModel } from '../../src/engine/graph/serialize.ts';
import type { WebGpuLinearAlgebra } from '../../src/engine/linalg/webgpu.ts';
import { KernelRunner, type ShaderSource } from '../../src/engine/linalg/webgpu/kernel-runner.ts';
import { type Matrix, matrixOf } from '../../src/engine/linalg/webgpu/matrix.ts';
import { productSteps } from '../../src/engine/linalg/webgpu/products.ts';
import { MOST_IDLE } from '../../src/engine/runtime/buffer-pool.ts';
import { type GpuDevice, readFloats } from '../../src/engine/runtime/device.ts';
import type { OrtModule } from '../../src/engine/runtime/runtime.ts';
import { Runtime } from '../../src/engine/runtime/runtime.ts';
import type { Tensor } from '../../src/engine/runtime/tensor.ts';
import { seededRandom } from '../../src/engine/random.ts';
import { encodeFloats } from '../../src/engine/weights/dtype.ts';
import type { Case } from './cases.ts';

/** One case made ready: operands are on the GPU, kernels are compiled by the first run. */
export interface Prepared {
  /** Does the work `count` times over and waits until all of it is done. */
  run(count: number): Promise<void>;
  /** The result of doing it once. */
  result(): Promise<Float32Array>;
  dispose(): void | Promise<void>;
}

export interface Contestant {
  readonly name: string;
  /** Null where it has no such operation. */
  prepare(work: Case): Promise<Prepared> | null;
}

/** Row-major operands, the same for all contestants. */
function random(rows: number, columns: number, seed: number): Float32Array {
  const uniform = seededRandom(seed);
  const values = new Float32Array(rows * columns);
  for (let i = 0; i < values.length; i += 1) values[i] = uniform() - 0.5;
  return values;
}

/** Symmetric and positive definite by its diagonal. */
function definite(size: number): Float32Array {
  const values = random(size, size, 5);
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j < i; j += 1) values[j * size + i] = values[i * size + j];
    values[i * size + i] = Math.sqrt(size);
  }
  return values;
}

/** Lower triangular, well-conditioned. */
function lower(size: number): Float32Array {
  const values = random(size, size, 6);
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j < size; j += 1) values[i * size + j] *= j > i ? 0 : 2 / Math.sqrt(size);
    values[i * size + i] = 2;
  }
  return values;
}

/** As many results as the device keeps buffers for (runtime/buffer-pool.ts), so that no run waits for a new one. */
function queueOf(elements: number): number {
  return Math.max(1, Math.floor(MOST_IDLE / (4 * elements)));
}

/** The kernels of shaders/, through the interface that the engine uses. */
export function ours(linalg: WebGpuLinearAlgebra, device: GpuDevice, shaders: ShaderSource): Contestant {
  const upload = (values: Float32Array, rows: number, columns: number): Tensor =>
    device.upload(values, [rows, columns]);
  /** @param queued how many runs need not wait until the device has accepted the ones before, as they need not for the peers */
  const prepared = (operands: Tensor[], once: () => Promise<Tensor>, queued = 1): Prepared => ({
    run: async (count) => {
      for (let done = 0; done < count; done += queued) {
        const length = Math.min(queued, count - done);
        await Promise.all(Array.from({ length }, async () => (await once()).dispose()));
      }
      await device.gpu.queue.onSubmittedWorkDone();
    },
    result: async () => {
      const tensor = await once();
      try {
        return await readFloats(device, tensor);
      } finally {
        tensor.dispose();
      }
    },
    dispose: () => operands.forEach((tensor) => tensor.dispose()),
  });

  const halves = (values: Float32Array, rows: number, columns: number): Matrix => {
    const bytes = encodeFloats(values, 'F16');
    const tensor = device.upload(new Int32Array(bytes.buffer), [bytes.length / 4]);
    return { tensor, offset: 0, rows, columns, stride: columns, half: true };
  };

  return {
    name: 'ours',
    prepare: (work) => {
      switch (work.operation) {
        case 'matmul': {
          const { m, n, k, transposeA = false, transposeB = false } = work;
          const [aDims, bDims] = [transposeA ? [k, m] : [m, k], transposeB ? [n, k] : [k, n]] as [number, number][];
          if (work.half) {
            if (!device.gpu.features.has('shader-f16')) return null;
            const a = halves(random(...aDims, 1), ...aDims);
            const b = halves(random(...bDims, 2), ...bDims);
            const runner = new KernelRunner(device, shaders);
            const once = async (): Promise<Tensor> => {
              const c = device.allocate([m, n]);
              const product = { a, b, c: matrixOf(c), transposeA, transposeB };
              await runner.run(productSteps(linalg.productDevice, product), 'f16');
              return c;
            };
            return Promise.resolve(prepared([a.tensor, b.tensor], once, queueOf(m * n)));
          }
          const [a, b] = [upload(random(...aDims, 1), ...aDims), upload(random(...bDims, 2), ...bDims)];
          return Promise.resolve(
            prepared([a, b], () => linalg.matmul(a, b, { transposeA, transposeB }), queueOf(m * n)),
          );
        }
        case 'gram': {
          const { size, count } = work;
          const x = upload(random(count, size, 3), count, size);
          // The sum grows from run to run, which costs the same; the result is one run's.
          const sum = device.zeros([size, size]);
          return Promise.resolve({
            run: async (times) => {
              for (let i = 0; i < times; i += 1) await linalg.addGram(sum, x);
              await device.gpu.queue.onSubmittedWorkDone();
            },
            result: async () => {
              const once = device.zeros([size, size]);
              await linalg.addGram(once, x);
              const values = await readFloats(device, once);
              once.dispose();
              return values;
            },
            dispose: () => [x, sum].forEach((tensor) => tensor.dispose()),
          });
        }
        case 'cholesky': {
          const a = upload(definite(work.size), work.size, work.size);
          return Promise.resolve(prepared([a], () => linalg.cholesky(a)));
        }
        case 'triangular': {
          const l = upload(lower(work.size), work.size, work.size);
          const b = upload(random(work.size, work.count, 4), work.size, work.count);
          return Promise.resolve(prepared([l, b], () => linalg.solveTriangular(l, b)));
        }
        case 'solve': {
          const c = upload(definite(work.size), work.size, work.size);
          const keys = upload(random(work.count, work.size, 4), work.count, work.size);
          return Promise.resolve(prepared([c, keys], async () => (await linalg.solveRegularized(c, 1, keys)).solution));
        }
      }
    },
  };
}

/** onnxruntime-web's MatMul, which knows no transposed operands, on our device. */
export function onnxruntime(ort: OrtModule, device: GpuDevice): Contestant {
  const runtime = new Runtime(ort, device);
  return {
    name: 'onnxruntime-web',
    prepare: (work) => {
      if (work.operation !== 'matmul' || work.half || work.transposeA || work.transposeB) return null;
      const { m, n, k } = work;
      return (async () => {
        const builder = new GraphBuilder('product');
        const [a, b] = [builder.input('a', 'float32', [m, k]), builder.input('b', 'float32', [k, n])];
        builder.output('c', builder.matmul(a, b));
        const session = await runtime.createSession(serializeModel(builder), 'product');
        const feeds = { a: device.upload(random(m, k, 1), [m, k]), b: device.upload(random(k, n, 2), [k, n]) };
        return {
          run: async (count: number) => {
            for (let i = 0; i < count; i += 1) (await session.run(feeds, ['c'])).c.dispose();
            await device.gpu.queue.onSubmittedWorkDone();
          },
          result: async () => {
            const { c } = await session.run(feeds, ['c']);
            const values = await readFloats(device, c);
            c.dispose();
            return values;
          },
          dispose: async () => {
            feeds.a.dispose();
            feeds.b.dispose();
            await session.release();
          },
        };
      })();
    },
  };
}

/** @jax-js/jax, on a device of its own on the same adapter; null where it does not start. */
export async function jaxJs(): Promise<Contestant | null> {
  const jax = await import('@jax-js/jax');
  const ready: readonly string[] = await jax.init('webgpu').catch(() => []);
  if (!ready.includes('webgpu')) return null;
  jax.defaultDevice('webgpu');
  const { numpy: np, lax } = jax;
  type JaxArray = InstanceType<typeof np.Array>;
  const array = (values: Float32Array, rows: number, columns: number): JaxArray =>
    np.array(values).reshape([rows, columns]);
  const prepared = (operands: JaxArray[], once: () => JaxArray): Promise<Prepared> =>
    Promise.resolve({
      run: async (count: number) => {
        const results = Array.from({ length: count }, once);
        for (const result of results) {
          await result.blockUntilReady();
          result.dispose();
        }
      },
      result: async () => (await once().data()) as Float32Array,
      dispose: () => operands.forEach((operand) => operand.dispose()),
    });
  return {
    name: 'jax-js',
    prepare: (work) => {
      switch (work.operation) {
        case 'matmul': {
          if (work.half) return null;
          const { m, n, k, transposeA = false, transposeB = false } = work;
          const a = transposeA ? array(random(k, m, 1), k, m) : array(random(m, k, 1), m, k);
          const b = transposeB ? array(random(n, k, 2), n, k) : array(random(k, n, 2), k, n);
          const left = (): JaxArray => (transposeA ? np.transpose(a.ref) : a.ref);
          const right = (): JaxArray => (transposeB ? np.transpose(b.ref) : b.ref);
          return prepared([a, b], () => np.matmul(left(), right()));
        }
        case 'gram': {
          const x = array(random(work.count, work.size, 3), work.count, work.size);
          return prepared([x], () => np.matmul(np.transpose(x.ref), x.ref));
        }
        case 'cholesky': {
          const a = array(definite(work.size), work.size, work.size);
          return prepared([a], () => lax.linalg.cholesky(a.ref));
        }
        case 'triangular': {
          const l = array(lower(work.size), work.size, work.size);
          const b = array(random(work.size, work.count, 4), work.size, work.count);
          return prepared([l, b], () => lax.linalg.triangularSolve(l.ref, b.ref, { leftSide: true, lower: true }));
        }
        case 'solve':
          return null;
      }
    },
  };
}

/** TensorFlow.js, on a device of its own on the same adapter; null where it does not start. */
export async function tensorflow(): Promise<Contestant | null> {
  const tf = await import('@tensorflow/tfjs-core');
  const { WebGPUBackend } = await import('@tensorflow/tfjs-backend-webgpu');
  if (!(await tf.setBackend('webgpu').catch(() => false))) return null;
  await tf.ready();
  const backend = tf.backend();
  if (!(backend instanceof WebGPUBackend)) return null;
  return {
    name: 'tfjs-webgpu',
    prepare: (work) => {
      if ((work.operation !== 'matmul' || work.half) && work.operation !== 'gram') return null;
      const shape =
        work.operation === 'gram'
          ? { m: work.size, n: work.size, k: work.count, transposeA: true, transposeB: false }
          : { transposeA: false, transposeB: false, ...work };
      const { m, n, k, transposeA, transposeB } = shape;
      const gram = work.operation === 'gram';
      const a = tf.tensor2d(random(transposeA ? k : m, transposeA ? m : k, gram ? 3 : 1), transposeA ? [k, m] : [m, k]);
      const b = gram ? a : tf.tensor2d(random(transposeB ? n : k, transposeB ? k : n, 2), transposeB ? [n, k] : [k, n]);
      const once = (): ReturnType<typeof tf.matMul> => tf.matMul(a, b, transposeA, transposeB);
      return Promise.resolve({
        run: async (count: number) => {
          for (let i = 0; i < count; i += 1) once().dispose();
          // As the backend itself does before it reads a result, and after every few operations: then nothing is left to submit.
          if (Reflect.get(backend, 'commandEncoder')) {
            backend.endComputePassEncoder();
            backend.submitQueue();
          }
          await backend.queue.onSubmittedWorkDone();
        },
        result: async () => {
          const c = once();
          const values = (await c.data()) as Float32Array;
          c.dispose();
          return values;
        },
        dispose: () => tf.dispose([a, b]),
      });
    },
  };
}
