/**
 * Every reader of files from elsewhere: a sound file with one thing in it made odd is read, or refused by a typed error. No crash, no hang, no memory for a
 * length that lies. Tables and lists of records have theirs in ../evaluation/odd-files.test.ts, stored things in ../worker and ../app.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { parseTracePrompts } from '../../../src/cli/trace.ts';
import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/engine/errors.ts';
import { importRecords } from '../../../src/engine/evaluation/import.ts';
import { ReferenceTexts } from '../../../src/engine/evaluation/reference-texts.ts';
import { createFamily, FAMILIES } from '../../../src/engine/families/registry.ts';
import { METHODS, settingsSchemas } from '../../../src/engine/methods/registry.ts';
import { validateSettings } from '../../../src/engine/methods/method.ts';
import { readPatchFile, writePatchFile } from '../../../src/engine/patches/patch-file.ts';
import type { MethodSettings, Patch } from '../../../src/engine/patches/patch.ts';
import { HubClient } from '../../../src/engine/sources/hub/hub-client.ts';
import { neededFiles } from '../../../src/engine/sources/hub/listing.ts';
import { parseEditingNotes } from '../../../src/engine/session/editing-notes.ts';
import { readReferenceStatistics } from '../../../src/engine/statistics/reference-statistics.ts';
import { readStatistics, writeStatistics } from '../../../src/engine/statistics/statistics-file.ts';
import { contextsSchema, validateContexts } from '../../../src/engine/targets/contexts.ts';
import { FactList } from '../../../src/engine/tokens/fact-list.ts';
import { parseRequests } from '../../../src/engine/tokens/request.ts';
import { ModelTokenizer } from '../../../src/engine/tokens/tokenizer.ts';
import { TRACE_DEFAULTS, validateTraceSettings, type TraceSettings } from '../../../src/engine/tracing/settings.ts';
import { memorySource } from '../../../src/engine/weights/byte-source.ts';
import { readGguf } from '../../../src/engine/weights/gguf/gguf-file.ts';
import { readSafetensors } from '../../../src/engine/weights/safetensors.ts';
import { DEMO_MODEL, golden, TINY_MODEL } from '../support.ts';
import { ggufBytes } from '../weights/gguf-writer.ts';
import { bytesOf, randomFloats } from '../weights/support.ts';

const MODELS = 'tests/reference/models';
const text = (file: string): string => readFileSync(file, 'utf8');

/** Whatever a writer may have put in a place. */
const odd: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(null, '', 'x', -1, 0, 1.5, 2 ** 53, -0.5, 1e308, true, false, '\u0000', '{}', '{}{}', '﻿', '\ud800'),
  fc.constantFrom([], {}, [[]], [null], [1, 'a'], { type: 'Nothing' }, { type: 'Sequence' }, { a: { b: [] } }),
  fc.string(),
  fc.array(fc.oneof(fc.string(), fc.integer(), fc.constant(null)), { maxLength: 4 }),
);

/** JSON with one of its places holding something else, or gone. */
function spoiled(sound: unknown): fc.Arbitrary<string> {
  return fc
    .tuple(fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 5 }), odd, fc.boolean())
    .map(([path, value, remove]) => {
      const copy = structuredClone(sound);
      let at = copy as Record<string, unknown>;
      for (const [depth, share] of path.entries()) {
        const keys = Object.keys(at);
        if (keys.length === 0) break;
        const key = keys[Math.floor(share * keys.length)];
        const next = at[key];
        if (depth < path.length - 1 && typeof next === 'object' && next !== null) {
          at = next as Record<string, unknown>;
          continue;
        }
        // An array keeps its places.
        if (remove && !Array.isArray(at)) Reflect.deleteProperty(at, key);
        else at[key] = value;
        break;
      }
      return JSON.stringify(copy);
    });
}

/** Bytes of which some are others, or that end early. */
function damaged(sound: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.integer({ min: 1, max: 255 }));
  return fc
    .tuple(fc.array(change, { maxLength: 4 }), fc.option(fc.double({ min: 0, max: 1, noNaN: true })))
    .map(([changes, length]) => {
      const bytes = sound.slice();
      // Headers stand first, and hold what can go wrong.
      for (const [share, by] of changes) bytes[Math.floor(share ** 3 * bytes.length)] ^= by;
      return length === null ? bytes : bytes.subarray(0, Math.floor(length * bytes.length));
    });
}

async function readOrRefused(read: () => unknown): Promise<void> {
  try {
    await read();
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    expect(error.message).not.toMatch(/“undefined”|\[object |is not a function|Cannot read|is not iterable/);
  }
}

const parsed = (file: string): unknown => JSON.parse(text(file));
const demoConfig = createFamily(parsed(`${DEMO_MODEL}/config.json`), { has: () => true }, FAMILIES).config;
const families = [
  'gpt2',
  'gpt_neo',
  'gpt_neox',
  'gptj',
  'llama',
  'mistral',
  'opt',
  'phi3',
  'qwen2',
  'qwen3',
  'gemma2',
  'gemma3_text',
];
const tokenizers = [TINY_MODEL, `${MODELS}/llama-form`].map((folder) => text(`${folder}/tokenizer.json`));

const TRACE: TraceSettings = { ...TRACE_DEFAULTS, kinds: ['hidden', 'mlp'], window: 2 };

const records = [
  {
    case_id: 1,
    requested_rewrite: {
      prompt: 'The capital of {} is',
      subject: 'France',
      target_new: { str: 'Rome', id: 'Q1' },
      target_true: { str: 'Paris' },
      relation_id: 'P36',
    },
    paraphrase_prompts: ['France’s capital is'],
    neighborhood_prompts: ['The capital of Gaul is'],
    generation_prompts: ['France is'],
  },
];

const jsonReaders: [string, unknown, (json: string) => unknown, number][] = [
  ...families.map((family): [string, unknown, (json: string) => unknown, number] => [
    `config.json of ${family}`,
    parsed(`${MODELS}/family-${family}/config.json`),
    (json) => createFamily(JSON.parse(json), { has: () => true }, FAMILIES),
    120,
  ]),
  ...tokenizers.map((sound, i): [string, unknown, (json: string) => unknown, number] => [
    `tokenizer.json ${i}`,
    JSON.parse(sound),
    (json) => ModelTokenizer.create(json, '{}').encode('The land’s 2 “Łódź”\u0085', { special: true }),
    100,
  ]),
  [
    'tokenizer_config.json',
    parsed(`${TINY_MODEL}/tokenizer_config.json`),
    (json) => ModelTokenizer.create(tokenizers[0], json).encode('The land', { special: true }),
    100,
  ],
  ['memit.json', parsed(`${DEMO_MODEL}/memit.json`), (json) => parseEditingNotes(json, demoConfig, METHODS), 200],
  [
    'facts.json',
    { relations: [{ ...(parsed(`${DEMO_MODEL}/facts.json`) as { relations: object[] }).relations[0] }] },
    (json) => FactList.parse(json),
    150,
  ],
  ['requests', [{ case_id: 1, ...records[0].requested_rewrite }], (json) => parseRequests(json), 200],
  ['records', records, (json) => importRecords(json), 200],
  [
    'prompts of traces',
    [{ known_id: 1, prompt: 'The capital of France is', subject: 'France', attribute: 'Paris' }],
    (json) => parseTracePrompts(JSON.parse(json), () => undefined),
    150,
  ],
  [
    'contexts',
    ['{}', 'The man. {}'],
    (json) => {
      const { data } = contextsSchema.safeParse(JSON.parse(json));
      return data && validateContexts(data);
    },
    150,
  ],
  ...METHODS.map((method): [string, unknown, (json: string) => unknown, number] => [
    `settings of ${method.id}`,
    method.preset(demoConfig).settings,
    (json) => validateSettings(method, JSON.parse(json) as MethodSettings, demoConfig),
    200,
  ]),
  ['settings of a trace', TRACE, (json) => validateTraceSettings(JSON.parse(json) as TraceSettings), 150],
  [
    'the list of a hub',
    [
      { type: 'file', path: 'config.json', size: 9, oid: 'a'.repeat(40) },
      { type: 'file', path: 'model.safetensors', size: 99, oid: 'b', lfs: { oid: 'c'.repeat(64), size: 99 } },
    ],
    async (json) => {
      const answer = (body: string): Response =>
        new Response(body, { headers: { 'content-type': 'application/json' } });
      const commit = JSON.stringify({ sha: 'd'.repeat(40) });
      const client = new HubClient({
        endpoint: 'https://hub.example',
        token: null,
        fetch: (address) => Promise.resolve(answer((address as string).includes('/tree/') ? json : commit)),
        wait: () => Promise.resolve(),
      });
      return neededFiles(await client.list({ id: 'owner/name', revision: 'main' }));
    },
    150,
  ],
  [
    'reference texts',
    [
      { object: 'Rome', text: 'Rome is a city.' },
      { object: 'Paris', texts: ['It is', 'A city'] },
    ],
    (json) => ReferenceTexts.parse(json),
    100,
  ],
];

const patch: Patch = {
  id: 'p',
  name: 'France → Rome',
  createdAt: '2026-01-02T03:04:05.000Z',
  modelHash: 'ab',
  modelName: 'm',
  method: 'memit',
  requests: [{ prompt: '{} is', subject: 'France', targetNew: 'Rome' }],
  settings: {
    layers: [1],
    steps: 3,
    learningRate: 0.5,
    weightDecay: 0.5,
    clampNormFactor: 1,
    klFactor: 0,
    covarianceWeight: 1,
    seed: 0,
  },
  contexts: ['{}'],
  deltas: [{ kind: 'dense', tensor: 'w', shape: [2, 3], values: randomFloats(6, 1) }],
  report: { losses: [{ edit: 0, nll: 2 }] },
};
const npz = golden<{ size: number; archives: Record<string, string> }>('npz-statistics');

const byteReaders: [string, () => Uint8Array | Promise<Uint8Array>, (bytes: Uint8Array) => unknown][] = [
  ['patch', () => writePatchFile(patch), (bytes) => readPatchFile(bytes, settingsSchemas())],
  [
    'statistics',
    () => {
      const layers = new Map([[0, randomFloats(16, 1).map(Math.abs)]]);
      return writeStatistics({ modelHash: 'ab', textHash: 'cd', tokens: 9, complete: true, layers }, 4);
    },
    (bytes) => readStatistics(bytes, { is: () => Promise.resolve(true) }, 4),
  ],
  [
    'safetensors',
    () => readFileSync(`${TINY_MODEL}/model.safetensors`).subarray(0),
    (bytes) => readSafetensors(memorySource('m', bytes)),
  ],
  [
    'GGUF',
    () =>
      ggufBytes({ 'general.architecture': { text: 'llama' }, n: { u32: 3 }, t: { texts: ['a', 'b'] } }, [
        { name: 'a', dimensions: [3, 2], type: 0, data: bytesOf(randomFloats(6, 1)) },
      ]),
    (bytes) => readGguf(memorySource('m.gguf', bytes)),
  ],
  [
    'archive of NumPy',
    () => new Uint8Array(Buffer.from(Object.values(npz.archives)[0], 'base64')),
    (bytes) => readReferenceStatistics(memorySource('s.npz', bytes), npz.size),
  ],
];

describe('a JSON file with something odd in it', () => {
  it.each(jsonReaders)('is read or refused: %s', async (_, sound, read, numRuns) => {
    await read(JSON.stringify(sound));
    await fc.assert(
      fc.asyncProperty(spoiled(sound), (json) => readOrRefused(() => read(json))),
      { numRuns },
    );
  });
});

describe('a file with wrong bytes', () => {
  it.each(byteReaders)('is read or refused: %s', async (_, make, read) => {
    const sound = await make();
    await read(sound);
    await fc.assert(
      fc.asyncProperty(damaged(sound), (bytes) => readOrRefused(() => read(bytes))),
      { numRuns: 150 },
    );
  });
});
