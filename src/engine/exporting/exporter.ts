/** What an exporter is: one form in which an edited model, or a patch, leaves as a file. The list of them: exporters.ts. */
import type { z } from 'zod';
import { EngineError } from '../errors.ts';
import type { Patch } from '../patches/patch.ts';
import type { ByteSource } from '../weights/byte-source.ts';
import type { FileParts } from '../weights/safetensors-writer.ts';
import type { TensorIndex } from '../weights/tensor-index.ts';

export interface ExportedFile {
  /** A name that every file system takes. */
  readonly name: string;
  readonly parts: FileParts;
}

/** The model as it is now. */
export interface ModelToExport {
  readonly modelName: string;
  /** Of the files the model was loaded from. */
  readonly index: TensorIndex;
  /** Values of the edited tensors by name, each in its tensor's stored orientation; empty when nothing is edited. */
  readonly changed: ReadonlyMap<string, Float32Array>;
  /** What was edited, in words, for the file's name. */
  readonly edits: readonly string[];
  /** Files beside the weights that the model did not come with, but which can be made of it, by name; none when absent. */
  readonly companions?: ReadonlyMap<string, ByteSource>;
}

export interface PatchToExport {
  readonly modelName: string;
  /** Called as it is in the history. */
  readonly patch: Patch;
}

interface ExporterOf<Subject extends string, Input, Options> {
  readonly id: string;
  readonly label: string;
  /** What is in the file, in one sentence. */
  readonly help: string;
  readonly subject: Subject;
  /** The options with their labels and help, as `title` and `description` (`.meta`). */
  readonly options: z.ZodObject & z.ZodType<Options>;
  /**
   * @param options checked ones: {@link checkOptions}
   * @throws EngineError ('export' | 'safetensors' | 'patch') before anything is written, when it cannot be written in this form
   */
  export(input: Input, options: Options): Promise<ExportedFile>;
}

/** A form with its options chosen, as it is offered to the user. */
export interface ExportOffer<Options = unknown> {
  readonly label: string;
  /** What is in the file, in one sentence. */
  readonly help: string;
  readonly options: Options;
}

export interface ModelExporter<Options = unknown> extends ExporterOf<'model', ModelToExport, Options> {
  /**
   * In the order of a menu.
   * @param dtype what the model's weights are stored as
   * @param companions names of {@link ModelToExport.companions}; none when absent
   */
  offers(dtype: string, companions?: readonly string[]): ExportOffer<Options>[];
  /** Set where a model without edits leaves nothing to write. */
  readonly needsEdits?: boolean;
}

export type PatchExporter<Options = unknown> = ExporterOf<'patch', PatchToExport, Options>;

export type Exporter<Options = unknown> = ModelExporter<Options> | PatchExporter<Options>;

/** Options from outside, with the defaults of those left out. @throws EngineError ('export') naming the option at fault */
export function checkOptions<Options>(exporter: Exporter<Options>, options: unknown): Options {
  const parsed = (exporter.options as z.ZodType<Options>).safeParse(options);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0];
  const what = path.length === 0 ? 'The options' : `The option “${path.join('.')}”`;
  throw new EngineError('export', `${what} of “${exporter.label}” cannot be used: ${message}`);
}
