/** Targets that were found outlive the run that found them: one that was cancelled, failed, or is repeated with another λ does not search them again. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CancelledError, NotPositiveDefiniteError, type EngineError } from '../../../src/engine/errors.ts';
import type { MemitSettings } from '../../../src/engine/methods/memit/settings.ts';
import type { MethodEvent } from '../../../src/engine/methods/method.ts';
import { runReportSchema } from '../../../src/engine/methods/report.ts';
import type { Patch } from '../../../src/engine/patches/patch.ts';
import { runEdit, type EditOptions } from '../../../src/engine/session/editing.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';
import { tooMany, type TargetStore } from '../../../src/engine/targets/kept-targets.ts';
import type { EditRequest } from '../../../src/engine/tokens/request.ts';
import { expectBelow, relativeError } from '../compare.ts';
import { lowRank } from '../support.ts';
import { openTiny } from '../tiny.ts';

const settings: MemitSettings = {
  layers: [1, 2],
  steps: 6,
  learningRate: 0.5,
  weightDecay: 0.5,
  clampNormFactor: 0.75,
  klFactor: 0.0625,
  covarianceWeight: 10,
  seed: 3,
};
const contexts = ['{}', 'The lake. {}'];
/** More than are searched at once on a CPU. */
const requests: EditRequest[] = Array.from({ length: 18 }, (_, i) => ({
  prompt: i % 2 === 0 ? 'The capital of {} is' : '{} was born in',
  subject: `the land ${'of the lake '.repeat(i % 3)}${i}`,
  targetNew: i % 3 === 0 ? 'on' : 'the orient',
}));

class MemoryTargets implements TargetStore {
  readonly files = new Map<string, Uint8Array>();
  appended = 0;

  read(name: string): Promise<Uint8Array | null> {
    return Promise.resolve(this.files.get(name) ?? null);
  }

  write(name: string, bytes: Uint8Array): Promise<void> {
    this.files.set(name, bytes);
    return Promise.resolve();
  }

  append(name: string, bytes: Uint8Array): Promise<void> {
    this.appended += 1;
    const before = this.files.get(name)!;
    const both = new Uint8Array(before.length + bytes.length);
    both.set(before);
    both.set(bytes, before.length);
    this.files.set(name, both);
    return Promise.resolve();
  }
}

let store: MemoryTargets;
let bench: ModelSession;

beforeEach(async () => {
  store = new MemoryTargets();
  bench = await openTiny(undefined, { targetStore: store });
});

afterEach(() => bench.dispose());

function edit(
  some: readonly EditRequest[],
  change: Partial<MemitSettings> = {},
  options: EditOptions = {},
): Promise<Patch> {
  return runEdit(bench, some, { ...settings, ...change }, { contexts, ...options });
}

function keptOf(patch: Patch): number {
  return runReportSchema.parse(patch.report).keptTargets;
}

function failureOf(run: Promise<unknown>): Promise<EngineError> {
  return run.then(
    () => {
      throw new Error('The run succeeded.');
    },
    (error: unknown) => error as EngineError,
  );
}

/** Ends the run with the second batch's third step. */
function cancelled(): Promise<EngineError> {
  const abort = new AbortController();
  let batches = 0;
  const onEvent = (event: MethodEvent): void => {
    if (event.kind !== 'losses') return;
    const { step } = event.losses[0];
    if (step === 0) batches += 1;
    if (batches === 2 && step === 2) abort.abort();
  };
  return failureOf(edit(requests, {}, { job: { signal: abort.signal }, onEvent }));
}

describe('a run that is cut off', () => {
  it('says what is kept, and the next one goes on from there to the same patch', async () => {
    const error = await cancelled();
    expect(error).toBeInstanceOf(CancelledError);
    expect(store.appended).toBe(16);
    expect(error.kept).toBe(
      'The model and the history are as they were before. Of 18 edits the targets of 16 are found and kept: the same run goes on from them.',
    );
    const searched = new Set<number>();
    const details: string[] = [];
    const patch = await edit(
      requests,
      {},
      {
        onEvent: (event) => {
          if (event.kind === 'losses' && event.losses.length <= 2)
            for (const { edit: at } of event.losses) searched.add(at);
          if (event.kind === 'phase' && event.phase === 'targets') details.push(event.detail);
        },
      },
    );
    expect(keptOf(patch)).toBe(16);
    expect(searched.size).toBe(2);
    expect(details.at(-1)).toMatch(/18 of 18 edits done, 16 of them kept from before$/);
    const undisturbed = await edit(requests, {}, { fresh: true });
    expect(keptOf(undisturbed)).toBe(0);
    patch.deltas.forEach((delta, i) => {
      const other = lowRank(undisturbed.deltas[i]);
      // The two that were left are padded otherwise than in their first batch.
      expectBelow('residuals', relativeError(lowRank(delta).left, other.left), 1e-4);
      expectBelow('solution', relativeError(lowRank(delta).right, other.right), 1e-4);
    });
    const losses = (run: Patch) =>
      runReportSchema
        .parse(run.report)
        .losses.map(({ edit: at, step }) => `${at} ${step}`)
        .sort();
    expect(losses(patch)).toEqual(losses(undisturbed));
  });

  it('by the solve leaves all of them, which another λ finds again bit for bit', async () => {
    const three = requests.slice(0, 3);
    vi.spyOn(bench.model.linalg, 'solveRegularized').mockRejectedValueOnce(new NotPositiveDefiniteError(3));
    const failed = await failureOf(edit(three, { covarianceWeight: 1 }));
    expect(failed).toBeInstanceOf(NotPositiveDefiniteError);
    expect(failed.kept).toMatch(/Of 3 edits the targets of 3 are found and kept/);
    const patch = await edit(three);
    expect(keptOf(patch)).toBe(3);
    expect(patch.deltas).toEqual((await edit(three, {}, { fresh: true })).deltas);
  });

  it('whose file has a torn end loses the target that stood there', async () => {
    const three = requests.slice(0, 3);
    await edit(three);
    const [[name, bytes]] = [...store.files];
    store.files.set(name, bytes.subarray(0, bytes.length - 7));
    expect(keptOf(await edit(three))).toBe(2);
    expect(keptOf(await edit(three))).toBe(3);
  });
});

describe('targets', () => {
  const [one, two] = requests;

  it('are of the request, and join those of the same search', async () => {
    await edit([one]);
    expect(keptOf(await edit([two, one]))).toBe(1);
    expect(keptOf(await edit([{ ...one, targetNew: 'in' }, two]))).toBe(1);
    expect(keptOf(await edit([one, two]))).toBe(2);
  });

  it.each<[string, Partial<MemitSettings>, string[]]>([
    ['steps', { steps: 4 }, contexts],
    ['learning rate', { learningRate: 0.25 }, contexts],
    ['weight decay', { weightDecay: 0.25 }, contexts],
    ['clamp', { clampNormFactor: 0.5 }, contexts],
    ['KL factor', { klFactor: 0.5 }, contexts],
    ['last layer', { layers: [0, 1] }, contexts],
    ['contexts', {}, ['{}', 'The land. {}']],
  ])('of another search are not taken: %s', async (_, change, templates) => {
    await edit([one]);
    expect(keptOf(await edit([one], change, { contexts: templates }))).toBe(0);
  });

  it('are of the patches that were on', async () => {
    const patch = await edit([two]);
    bench.stack.push(patch);
    expect(keptOf(await edit([two]))).toBe(0);
    expect(keptOf(await edit([two], {}, { unedited: true }))).toBe(1);
    bench.stack.setEnabled(patch.id, false);
    expect(keptOf(await edit([two]))).toBe(1);
  });

  it('of the layers below the last one and of another λ are the same', async () => {
    await edit([one]);
    expect(keptOf(await edit([one], { layers: [2], covarianceWeight: 20 }))).toBe(1);
  });

  it('that cannot be kept cost a word and nothing else', async () => {
    store.append = () => Promise.reject(new DOMException('The disk is full.', 'QuotaExceededError'));
    const notes: string[] = [];
    const patch = await edit(
      [one, two],
      {},
      {
        onEvent: (event) => {
          if (event.kind === 'note') notes.push(event.text);
        },
      },
    );
    expect(notes).toEqual([
      'Targets cannot be kept: The disk is full. Free some disk space, so that a run that is cut off can be gone on from.',
    ]);
    const plain = await openTiny();
    expect(patch.deltas).toEqual((await runEdit(plain, [one, two], settings, { contexts })).deltas);
    await plain.dispose();
  });
});

describe('a store that is full', () => {
  it('lets the oldest files go', () => {
    const megabytes = 2 ** 20;
    const files = [300, 100, 200, 50].map((size, i) => ({ bytes: size * megabytes, writtenAt: 4 - i, size }));
    expect(tooMany(files).map(({ size }) => size)).toEqual([200, 50]);
    expect(tooMany(files.slice(1))).toEqual([]);
  });
});
