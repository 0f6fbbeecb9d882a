/** What a hub's answers mean in words: who may read, what is missing, what may pass. */
import { DownloadError, EngineError, type ErrorAdvice } from '../../errors.ts';
import { MissingFileError } from '../model-source.ts';

/** The hub wants to know who asks: the model is gated or private, or the token is no good. */
export class HubAccessError extends EngineError {
  constructor(message: string, advice?: ErrorAdvice) {
    super('access', message, advice);
  }
}

/** A failure that may pass: the connection was cut, the hub is busy. */
export class PassingError extends DownloadError {
  /** Seconds after which the hub wants to be asked again; null where it does not say. */
  readonly retryAfter: number | null;

  constructor(message: string, retryAfter: number | null = null, advice?: ErrorAdvice) {
    super(message, { next: 'Check the connection and try again.', ...advice });
    this.retryAfter = retryAfter;
  }
}

/** The hub could not be reached at all. */
export class NoAnswerError extends PassingError {}

export interface Asked {
  readonly endpoint: string;
  readonly id: string;
  readonly revision: string;
  /** A file of it; null where the model itself was asked for. */
  readonly path: string | null;
  readonly hasToken: boolean;
}

/** The error for an answer with a status of 400 or above. (Codes: huggingface_hub, `hf_raise_for_status`.) */
export function answerError(response: Response, asked: Asked): EngineError {
  const { status } = response;
  const { endpoint, id, path } = asked;
  const code = response.headers.get('x-error-code');
  const what = path === null ? `“${id}”` : `“${path}” of “${id}”`;
  if (status === 401 || status === 403) return accessError(status, code, asked);
  if (status === 404) return missing(code, asked);
  if (status === 429) {
    return new PassingError(`${endpoint} takes no more requests for now (status 429).`, retryAfter(response), {
      next: 'Wait a few minutes and go on; with an access token the hub allows more.',
    });
  }
  if (status >= 500 || status === 408) {
    return new PassingError(
      `${endpoint} could not give ${what}: it answered with status ${status}.`,
      retryAfter(response),
      {
        next: 'Try again in a few minutes.',
      },
    );
  }
  return new DownloadError(`${endpoint} refused ${what} with status ${status}.`, {
    next: 'Check the name of the model and the address of the hub.',
  });
}

function accessError(status: number, code: string | null, { endpoint, id, hasToken }: Asked): HubAccessError {
  const page = `${endpoint}/${id}`;
  if (code === 'RepoNotFound') {
    // The hub does not tell strangers whether a private model exists.
    return new HubAccessError(
      `${endpoint} has no model “${id}” that ${hasToken ? 'this token' : 'everyone'} may read.`,
      {
        next: `Check the spelling; for a private model give ${hasToken ? 'another' : 'an'} access token.`,
      },
    );
  }
  if (code !== 'GatedRepo' && hasToken && status === 401) {
    return new HubAccessError(`${endpoint} does not know this access token.`, {
      next: `Make one that may read models at ${endpoint}/settings/tokens.`,
    });
  }
  return new HubAccessError(
    hasToken
      ? `“${id}” is gated, and the account of this token may not read it.`
      : `“${id}” is gated: its makers want to know who downloads it.`,
    { next: `Accept its licence at ${page}${hasToken ? '' : ', then give an access token'}.` },
  );
}

function missing(code: string | null, { endpoint, id, revision, path }: Asked): DownloadError {
  if (code === 'RevisionNotFound') {
    return new DownloadError(`“${id}” has no branch, tag or commit “${revision}”.`, {
      next: `Look at ${endpoint}/${id} for those it has.`,
    });
  }
  if (path !== null) {
    return new MissingFileError(`“${path}” was not found in “${id}” at ${endpoint}.`, {
      next: 'The model may have changed meanwhile; open it again.',
    });
  }
  return new DownloadError(`${endpoint} has no model “${id}”.`, {
    next: 'Check the spelling: models are called owner/name.',
  });
}

/** Seconds, of a header that holds seconds or a date. */
function retryAfter({ headers }: Response): number | null {
  const text = headers.get('retry-after')?.trim() ?? '';
  if (/^\d+$/.test(text)) return Number(text);
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, (date - Date.now()) / 1000);
}
