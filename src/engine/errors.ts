/**
 * Every failure the engine can report, as a typed error: what happened (`message`), what was kept (`kept`) and what the
 * user can do (`next`). `code` survives the trip through `postMessage`, where classes do not.
 */

export type ErrorCode =
  | 'access'
  | 'cancelled'
  | 'device'
  | 'device-lost'
  | 'download'
  | 'export'
  | 'graph'
  | 'input'
  | 'model'
  | 'not-positive-definite'
  | 'numeric'
  | 'patch'
  | 'request'
  | 'safetensors'
  | 'statistics'
  | 'storage'
  | 'version';

export interface ErrorAdvice {
  /** What is still as it was before the failure. */
  kept?: string;
  /** What the user can do about it. */
  next?: string;
  cause?: unknown;
}

export class EngineError extends Error {
  readonly code: ErrorCode;
  readonly next: string;
  #kept: string;

  constructor(code: ErrorCode, message: string, advice: ErrorAdvice = {}) {
    super(message, advice.cause === undefined ? undefined : { cause: advice.cause });
    this.name = new.target.name;
    this.code = code;
    this.#kept = advice.kept ?? '';
    this.next = advice.next ?? '';
  }

  get kept(): string {
    return this.#kept;
  }

  /** Whoever it passes may know of more that was kept. @param sentence that says so */
  alsoKept(sentence: string): void {
    this.#kept = this.#kept === '' ? sentence : `${this.#kept} ${sentence}`;
  }
}

/** A job was cancelled by the user; the model is as it was before the job. */
export class CancelledError extends EngineError {
  constructor(message = 'Cancelled.') {
    super('cancelled', message, { kept: 'The model and the history are as they were before.' });
  }
}

/** Throws {@link CancelledError} when `signal` has been aborted. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new CancelledError();
}

/** A graph was built with operands that do not fit; the message names the node and the shapes. */
export class GraphError extends EngineError {
  constructor(message: string, advice?: ErrorAdvice) {
    super('graph', message, advice);
  }
}

/** A GPU or WASM device could not be had, or failed. */
export class DeviceError extends EngineError {
  constructor(message: string, advice?: ErrorAdvice) {
    super('device', message, advice);
  }
}

/** The model's files are missing, inconsistent or of an architecture that is not supported. */
export class ModelError extends EngineError {
  constructor(message: string, advice?: ErrorAdvice) {
    super('model', message, advice);
  }
}

/** A safetensors file is malformed; `tensor` names the entry at fault where there is one. */
export class SafetensorsError extends EngineError {
  readonly tensor: string | null;
  constructor(message: string, tensor: string | null = null, advice?: ErrorAdvice) {
    super('safetensors', message, advice);
    this.tensor = tensor;
  }
}

/** A file could not be fetched or read. */
export class DownloadError extends EngineError {
  constructor(message: string, advice?: ErrorAdvice) {
    super('download', message, advice);
  }
}

/** An edit request is refused; `field` says which part of it is at fault. */
export class RequestError extends EngineError {
  readonly field: 'subject' | 'prompt' | 'object' | 'request';
  constructor(field: 'subject' | 'prompt' | 'object' | 'request', message: string, advice?: ErrorAdvice) {
    super('request', message, advice);
    this.field = field;
  }
}

/** A Cholesky factorisation met a non-positive or NaN pivot at (0-based) `pivot`. */
export class NotPositiveDefiniteError extends EngineError {
  readonly pivot: number;
  constructor(pivot: number, advice?: ErrorAdvice) {
    super(
      'not-positive-definite',
      `The matrix is not positive definite: pivot ${pivot} is zero, negative or not a number.`,
      advice ?? { next: 'Raise the covariance weight or compute the statistics from more text.' },
    );
    this.pivot = pivot;
  }
}

/** A patch file is malformed or belongs to another model. */
export class PatchError extends EngineError {
  constructor(message: string, advice?: ErrorAdvice) {
    super('patch', message, advice);
  }
}
