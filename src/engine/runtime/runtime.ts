/**
 * onnxruntime behind the engine's own tensors: sessions made from graph bytes, run with tensors of one device.
 * The ort module is injected, because the browser, Node's WASM build, the WebGPU build and the native one are different entry points.
 */
import type * as Ort from 'onnxruntime-common';
import { DeviceError } from '../errors.ts';
import { messageOf } from '../text.ts';
import { GpuDevice, type Device } from './device.ts';
import { Tensor } from './tensor.ts';

/** The part of onnxruntime-web, and of onnxruntime-node, that the engine uses. */
export type OrtModule = Pick<typeof Ort, 'InferenceSession' | 'Tensor' | 'env'>;

export class Runtime {
  readonly device: Device;
  readonly #ort: OrtModule;
  /** Which execution provider runs the graphs. */
  readonly provider: 'webgpu' | 'wasm' | 'cpu';

  /** @param native the module is onnxruntime-node's, which has no WebAssembly */
  constructor(ort: OrtModule, device: Device, native = false) {
    this.#ort = ort;
    this.device = device;
    this.provider = device.kind === 'gpu' ? 'webgpu' : native ? 'cpu' : 'wasm';
  }

  /**
   * Compiles a graph. On WebGPU every node must run there: a fallback to the CPU is an error, not a silent slowdown.
   * @throws DeviceError with onnxruntime's message.
   */
  async createSession(model: Uint8Array, label: string): Promise<GraphSession> {
    const { device } = this;
    const onGpu = device instanceof GpuDevice;
    const provider = onGpu ? { name: 'webgpu' as const, device: device.gpu } : this.provider;
    try {
      const session = await this.#ort.InferenceSession.create(model, {
        executionProviders: [provider],
        graphOptimizationLevel: 'all',
        // Shapes change from run to run; a memory pattern would be made anew for each of them.
        enableMemPattern: false,
        logSeverityLevel: 3,
        ...(onGpu && {
          preferredOutputLocation: 'gpu-buffer' as const,
          extra: { session: { disable_cpu_ep_fallback: '1' } },
        }),
      });
      return new GraphSession(this.#ort, this.device, session, label);
    } catch (cause) {
      throw new DeviceError(`The graph “${label}” could not be prepared for ${this.provider}: ${messageOf(cause)}`, {
        cause,
        next: 'Try another backend (in the page ?backend=wasm or ?backend=webgpu, on the command line --backend).',
      });
    }
  }
}

export class GraphSession {
  readonly label: string;
  readonly #ort: OrtModule;
  readonly #device: Device;
  readonly #session: Ort.InferenceSession;

  constructor(ort: OrtModule, device: Device, session: Ort.InferenceSession, label: string) {
    this.#ort = ort;
    this.#device = device;
    this.#session = session;
    this.label = label;
  }

  /**
   * Runs the graph for the named outputs only. Inputs stay the caller's; outputs are new tensors the caller disposes.
   * @throws DeviceError with onnxruntime's message and the label of the graph.
   */
  async run<Name extends string>(
    inputs: Readonly<Record<string, Tensor>>,
    outputs: readonly Name[],
  ): Promise<Record<Name, Tensor>> {
    const feeds: Record<string, Ort.Tensor> = {};
    for (const [name, tensor] of Object.entries(inputs)) feeds[name] = this.#toOrt(tensor);
    let results: Ort.InferenceSession.ReturnType;
    try {
      results = await this.#session.run(feeds, outputs as readonly string[]);
    } catch (cause) {
      const earlier = this.#device instanceof GpuDevice ? await this.#device.failure() : null;
      throw earlier ?? new DeviceError(`The graph “${this.label}” failed: ${messageOf(cause)}`, { cause });
    }
    return Object.fromEntries(outputs.map((name) => [name, this.#fromOrt(results[name])])) as Record<Name, Tensor>;
  }

  release(): Promise<void> {
    return this.#session.release();
  }

  #toOrt(tensor: Tensor): Ort.Tensor {
    if (tensor.location === 'gpu') {
      // The WebGPU types of onnxruntime-common and of @webgpu/types name the same buffer.
      return this.#ort.Tensor.fromGpuBuffer(tensor.buffer, { dataType: tensor.type, dims: tensor.dims });
    }
    switch (tensor.type) {
      case 'float32':
        return new this.#ort.Tensor('float32', tensor.data as Float32Array, tensor.dims);
      case 'int32':
        return new this.#ort.Tensor('int32', tensor.data as Int32Array, tensor.dims);
      case 'float16':
        return new this.#ort.Tensor('float16', tensor.data as Uint16Array, tensor.dims);
    }
  }

  #fromOrt(tensor: Ort.Tensor): Tensor {
    if (tensor.location === 'gpu-buffer') {
      const device = this.#device as GpuDevice;
      const buffer = tensor.gpuBuffer;
      return device.adopt(tensor.dims, tensor.type as 'float32' | 'int32', buffer, () => {
        tensor.dispose();
      });
    }
    return Tensor.fromData(tensor.data as Float32Array | Int32Array, tensor.dims);
  }
}
