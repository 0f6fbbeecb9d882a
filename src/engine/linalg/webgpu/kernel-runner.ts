/**
 * Runs WGSL kernels: a kernel is described as data (file, entry point, parameters), compiled once, and dispatched in batches.
 *
 * Conventions every file in shaders/ keeps: `@group(0) @binding(0)` is the uniform `params`, whose fields are those of the
 * kernel in the same order; the tensors of a dispatch follow at bindings 1, 2, …; a workgroup finds its number with
 * `group.x + group.y * groups.x` and returns when that is not below `params.workgroups`, the first field of all.
 */
import { DeviceError } from '../../errors.ts';
import { remembered } from '../../remembered.ts';
import { messageOf } from '../../text.ts';
import type { GpuDevice } from '../../runtime/device.ts';
import type { Tensor } from '../../runtime/tensor.ts';

/** The text of a file of shaders/, by its name: the browser's bundle holds it, Node reads it. */
export type ShaderSource = (file: string) => string | Promise<string>;

type ParameterTypes = Readonly<Record<string, 'u32' | 'f32'>>;

export interface Kernel<Parameters extends ParameterTypes = ParameterTypes> {
  readonly file: string;
  readonly entryPoint: string;
  /** Further files of shaders/ that are compiled together with the first: how one kernel reads different kinds of memory. */
  readonly joined?: readonly string[];
  /** WGSL before all files: what has to be enabled, and aliases of types. */
  readonly prelude?: string;
  /** Fields of the uniform after `workgroups`, in the shader's order. */
  readonly parameters: Parameters;
}

export interface Dispatch<Parameters extends ParameterTypes = ParameterTypes> {
  readonly kernel: Kernel<Parameters>;
  /** Values of `override` constants; each set of them is a pipeline of its own. */
  readonly constants?: Readonly<Record<string, number>>;
  readonly values: Readonly<Record<keyof Parameters, number>>;
  /** Bindings 1, 2, … */
  readonly tensors: readonly (Tensor | Slice)[];
  readonly workgroups: number;
}

/** A range of a tensor's elements; `offset` must be a multiple of {@link ALIGNMENT}. */
export interface Slice {
  readonly tensor: Tensor;
  readonly offset: number;
  readonly length: number;
}

/** Elements between the places where a slice may start: what WebGPU's default limit for offsets of bindings allows. */
export const ALIGNMENT = 64;

/** Checks the parameters of a dispatch against its kernel and forgets their names' type, so that batches can mix kernels. */
export function dispatch<Parameters extends ParameterTypes>(description: Dispatch<Parameters>): Dispatch {
  return description;
}

/**
 * Dispatches of one submission. A driver resets the GPU when one submission runs for seconds (about two on Windows); a
 * factorisation of thousands of steps is therefore handed over piece by piece.
 */
const DISPATCHES_PER_SUBMISSION = 48;

/** Room for the parameters of one dispatch; no kernel has more than 16. */
const PARAMETER_BYTES = 64;
const UNIFORM_USAGE = 0x40 | 0x8; // GPUBufferUsage.UNIFORM | COPY_DST; the global is absent in Node

interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

export class KernelRunner {
  readonly #device: GpuDevice;
  readonly #sourceOf: ShaderSource;
  readonly #modules = new Map<string, Promise<GPUShaderModule>>();
  readonly #pipelines = new Map<string, Promise<Pipeline>>();
  #uniforms: GPUBuffer | null = null;

  constructor(device: GpuDevice, sourceOf: ShaderSource) {
    this.#device = device;
    this.#sourceOf = sourceOf;
  }

  /**
   * Queues the dispatches in order; each sees what those before it wrote. Resolves when they are accepted, not when they
   * are done: reading a tensor waits for that.
   * @throws DeviceError when a shader does not compile or the device refuses the work
   */
  async run(dispatches: readonly Dispatch[], label: string): Promise<void> {
    const pipelines = await Promise.all(
      dispatches.map(({ kernel, constants = {} }) => this.#pipeline(kernel, constants)),
    );
    const submissions: Promise<void>[] = [];
    for (let start = 0; start < dispatches.length; start += DISPATCHES_PER_SUBMISSION) {
      const end = start + DISPATCHES_PER_SUBMISSION;
      submissions.push(this.#submit(dispatches.slice(start, end), pipelines.slice(start, end), label));
    }
    // Only after the last one, so that the GPU does not wait for verdicts between two of them.
    await Promise.all(submissions);
  }

  /** Compiles a kernel ahead of its first use. */
  async prepare(kernel: Kernel): Promise<void> {
    await this.#pipeline(kernel, {});
  }

  /** Has queued the dispatches when it returns; what the device says of them comes later. */
  async #submit(dispatches: readonly Dispatch[], pipelines: Pipeline[], label: string): Promise<void> {
    const { gpu } = this.#device;
    gpu.pushErrorScope('validation');
    let verdict: Promise<GPUError | null>;
    try {
      this.#encode(dispatches, pipelines, label);
    } finally {
      // Scopes nest: this one is closed before anyone else can open another.
      verdict = gpu.popErrorScope();
    }
    const error = await verdict;
    // What went wrong before it, memory that was not to be had, says more.
    if (error) throw (await this.#device.failure()) ?? new DeviceError(`The GPU refused “${label}”: ${error.message}`);
  }

  #encode(dispatches: readonly Dispatch[], pipelines: Pipeline[], label: string): void {
    const { gpu } = this.#device;
    const slot = Math.max(PARAMETER_BYTES, gpu.limits.minUniformBufferOffsetAlignment);
    const uniforms = this.#writeUniforms(dispatches, slot);
    const encoder = gpu.createCommandEncoder({ label });
    const pass = encoder.beginComputePass({ label });
    dispatches.forEach(({ kernel, tensors, workgroups }, i) => {
      const { pipeline, layout } = pipelines[i];
      const entries: GPUBindGroupEntry[] = [
        { binding: 0, resource: { buffer: uniforms, offset: i * slot, size: PARAMETER_BYTES } },
      ];
      for (const operand of tensors) entries.push({ binding: entries.length, resource: bindingOf(operand) });
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, gpu.createBindGroup({ label: nameOf(kernel), layout, entries }));
      // One dimension holds 65,535 workgroups only; the kernels count over two.
      const x = Math.min(workgroups, gpu.limits.maxComputeWorkgroupsPerDimension);
      pass.dispatchWorkgroups(x, Math.ceil(workgroups / x));
    });
    pass.end();
    gpu.queue.submit([encoder.finish()]);
  }

  /** One slot of parameters for each dispatch, in a buffer that every submission uses: the queue writes it after the one before is done. */
  #writeUniforms(dispatches: readonly Dispatch[], slot: number): GPUBuffer {
    const bytes = new DataView(new ArrayBuffer(slot * dispatches.length));
    dispatches.forEach(({ kernel, values, workgroups }, i) => {
      let at = i * slot;
      bytes.setUint32(at, workgroups, true);
      for (const name in kernel.parameters) {
        at += 4;
        if (kernel.parameters[name] === 'u32') bytes.setUint32(at, values[name], true);
        else bytes.setFloat32(at, values[name], true);
      }
    });
    const { gpu } = this.#device;
    this.#uniforms ??= gpu.createBuffer({
      size: slot * DISPATCHES_PER_SUBMISSION,
      usage: UNIFORM_USAGE,
      label: 'parameters',
    });
    gpu.queue.writeBuffer(this.#uniforms, 0, bytes.buffer);
    return this.#uniforms;
  }

  #pipeline(kernel: Kernel, constants: Readonly<Record<string, number>>): Promise<Pipeline> {
    const key = [nameOf(kernel), ...(kernel.joined ?? []), kernel.prelude, JSON.stringify(constants)]
      .filter((part) => part !== undefined)
      .join(' ');
    return remembered(this.#pipelines, key, async () => {
      const module = await remembered(this.#modules, sourceName(kernel), () => this.#compile(kernel));
      try {
        const pipeline = await this.#device.gpu.createComputePipelineAsync({
          label: key,
          layout: 'auto',
          compute: { module, entryPoint: kernel.entryPoint, constants },
        });
        return { pipeline, layout: pipeline.getBindGroupLayout(0) };
      } catch (cause) {
        const reason = messageOf(cause);
        throw new DeviceError(`The kernel ${key} could not be prepared: ${reason}`, { cause });
      }
    });
  }

  async #compile({ file, joined = [], prelude }: Kernel): Promise<GPUShaderModule> {
    const sources = await Promise.all([file, ...joined].map(async (name) => this.#sourceOf(name)));
    const code = [...(prelude === undefined ? [] : [prelude]), ...sources].join('\n');
    const { gpu } = this.#device;
    gpu.pushErrorScope('validation');
    const module = gpu.createShaderModule({ label: file, code });
    const verdict = gpu.popErrorScope();
    const { messages } = await module.getCompilationInfo();
    const errors = messages.filter(({ type }) => type === 'error');
    const failure = await verdict;
    if (errors.length === 0 && !failure) return module;
    const listed = errors.map(({ lineNum, linePos, message }) => `${file}:${lineNum}:${linePos}: ${message}`);
    throw new DeviceError(
      `The shader ${file} does not compile:\n${listed.join('\n') || failure?.message}\n\n${numbered(code)}`,
    );
  }
}

/** What tells the shader modules apart. */
function sourceName({ file, joined = [], prelude = '' }: Kernel): string {
  return [file, ...joined, prelude].join(' ').trim();
}

function nameOf({ file, entryPoint }: Kernel): string {
  return `${file}/${entryPoint}`;
}

function bindingOf(operand: Tensor | Slice): GPUBufferBinding {
  if ('tensor' in operand) {
    return { buffer: operand.tensor.buffer, offset: 4 * operand.offset, size: 4 * operand.length };
  }
  return { buffer: operand.buffer };
}

function numbered(code: string): string {
  return code
    .split('\n')
    .map((line, i) => `${String(i + 1).padStart(4)} ${line}`)
    .join('\n');
}
