/** Tokenizers of every form, and real ones, give the ids of the Python `tokenizers`: of odd texts, and of 500 prompts of CounterFact. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { modelAt } from '../../../src/cli/folder-source.ts';
import { ModelError } from '../../../src/engine/errors.ts';
import { modelFolder } from '../../../src/engine/sources/model-folder.ts';
import { readText as readSource } from '../../../src/engine/sources/model-source.ts';
import { ModelTokenizer } from '../../../src/engine/tokens/tokenizer.ts';
import { fillPrompt } from '../../../src/engine/tokens/template.ts';
import { readCounterfact } from './counterfact.ts';
import { readText } from './demo.ts';

interface Form {
  name: string;
  tokenizer: { model: object };
  sharedModel: boolean;
  digests: string;
}
interface Goldens {
  digestDigits: number;
  promptStride: number;
  promptCount: number;
}
const goldens = JSON.parse(readText('tests/reference/goldens/tokenizer-forms.json')) as Goldens & {
  vocabulary: string[];
  merges: string[];
  forms: Form[];
};
const real = JSON.parse(readText('tests/reference/goldens/tokenizer-real.json')) as Goldens & {
  tokenizers: { name: string; digests: string }[];
};

const texts = [
  ...(JSON.parse(readText('tests/reference/data/tokenizer-texts.json')) as string[]),
  ...readCounterfact()
    .filter((_, i) => i % goldens.promptStride === 0)
    .slice(0, goldens.promptCount)
    .map(({ template, subject }) => fillPrompt(template, subject)),
];

const vocab = Object.fromEntries(goldens.vocabulary.map((token, id) => [token, id]));

function tokenizerOf({ tokenizer, sharedModel }: Form, config: object = {}): ModelTokenizer {
  const model = sharedModel ? { ...tokenizer.model, vocab, merges: goldens.merges } : tokenizer.model;
  return ModelTokenizer.create(JSON.stringify({ ...tokenizer, model }), JSON.stringify(config));
}

/** The texts whose ids are not those of the golden. */
function different(tokenizer: ModelTokenizer, digests: string): string[] {
  expect(digests).toHaveLength(texts.length * goldens.digestDigits);
  return texts.filter((text, i) => {
    const ids = tokenizer.encode(text, { special: false });
    const digest = createHash('sha256').update(ids.join()).digest('hex').slice(0, goldens.digestDigits);
    return digest !== digests.slice(i * goldens.digestDigits, (i + 1) * goldens.digestDigits);
  });
}

const formOf = (name: string): Form => goldens.forms.find((form) => form.name === name)!;

describe('tokenizers of every form', () => {
  it('are asked about 500 prompts and the odd texts', () => {
    expect(texts.length).toBeGreaterThan(540);
    expect(goldens.forms.length).toBeGreaterThan(45);
  });

  it.each(goldens.forms)('give the ids of Python: $name', (form) => {
    expect(different(tokenizerOf(form), form.digests)).toEqual([]);
  });

  it('refuse what they do not read by its name', () => {
    const base = formOf('pre-tokenizer: ByteLevel').tokenizer;
    const made = (changes: object): ModelTokenizer =>
      ModelTokenizer.create(
        JSON.stringify({ ...base, model: { ...base.model, vocab, merges: goldens.merges }, ...changes }),
        '{}',
      );
    expect(() => made({})).not.toThrow();
    for (const changes of [
      { normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAAA' } },
      { normalizer: { type: 'Nmt' } },
      { normalizer: { type: 'Sequence', normalizers: [{ type: 'ByteLevel' }] } },
      { pre_tokenizer: { type: 'UnicodeScripts' } },
      { pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated', invert: false } },
      { model: { type: 'WordLevel', vocab } },
      { model: { type: 'BPE', vocab, merges: [], dropout: 0.1 } },
      { model: { type: 'BPE', vocab, merges: [], continuing_subword_prefix: '##' } },
      { model: { type: 'Unigram', vocab: [['<unk>', 0]], unk_id: 0, byte_fallback: true } },
    ]) {
      expect(() => made(changes), JSON.stringify(changes)).toThrow(ModelError);
    }
    expect(() => made({ pre_tokenizer: { type: 'UnicodeScripts' } })).toThrow(/UnicodeScripts/);
  });
});

describe('what stands around a text', () => {
  const form = formOf('template: begin and end');
  const ids = (config: object, special = true): number[] => tokenizerOf(form, config).encode('Rome', { special });

  it('is put before it only: an answer goes on where an end token would be', () => {
    const [begin, ...rest] = ids({});
    expect(begin).toBe(vocab['<s>']);
    expect(rest).toEqual(ids({}, false));
    expect(rest).not.toContain(vocab['</s>']);
    expect(tokenizerOf(form).beginIds).toEqual([vocab['<s>']]);
  });

  it('is as tokenizer_config.json says where it says so', () => {
    expect(ids({ add_bos_token: false, bos_token: '<s>' })).toEqual(ids({}, false));
    const bare = formOf('pre-tokenizer: ByteLevel');
    expect(tokenizerOf(bare).beginIds).toEqual([]);
    expect(tokenizerOf(bare, { add_bos_token: true, bos_token: { content: '<s>' } }).beginIds).toEqual([vocab['<s>']]);
    expect(() => tokenizerOf(bare, { add_bos_token: true, bos_token: '<none>' })).toThrow(/no such token/);
  });

  it('is a space where tokenizer_config.json says so of byte-level splitting', () => {
    const [plain, spaced] = ['pre-tokenizer: ByteLevel', 'pre-tokenizer: ByteLevel with a space'].map(formOf);
    expect(different(tokenizerOf(plain, { add_prefix_space: true }), spaced.digests)).toEqual([]);
    expect(different(tokenizerOf(spaced, { add_prefix_space: false }), plain.digests)).toEqual([]);
  });
});

describe('encodeAfter', () => {
  it.each(['normalizer: Llama', 'pre-tokenizer: Metaspace always', 'pre-tokenizer: ByteLevel with a space'])(
    'takes an answer as it goes on: %s',
    (name) => {
      const tokenizer = tokenizerOf(formOf(name));
      const prompt = 'The capital of Italy is';
      const answer = tokenizer.encodeAfter(prompt, ' Rome');
      expect([...tokenizer.encode(prompt, { special: false }), ...answer]).toEqual(
        tokenizer.encode(`${prompt} Rome`, { special: false }),
      );
      // No begin of a text of its own between them.
      expect(tokenizer.decode(answer).replace('Ġ', ' ')).toBe(' Rome');
    },
  );

  it('takes it after a plain word where tokens reach across the seam', () => {
    const tokenizer = tokenizerOf(formOf('pre-tokenizer: Metaspace never'));
    const joint = tokenizer.encode(' the', { special: false });
    expect(joint[0]).not.toBe(tokenizer.encode(' th', { special: false })[0]);
    expect(tokenizer.decode(tokenizer.encodeAfter(' th', 'e'))).toBe('e');
  });
});

describe('limitTo', () => {
  it('refuses a tokenizer with ordinary tokens beyond the embedding, and texts with added ones', () => {
    const size = goldens.vocabulary.length;
    const form = formOf('added tokens: plain');
    expect(() => tokenizerOf(form).limitTo(size - 1)).toThrow(/only \d+ rows/);
    const tokenizer = tokenizerOf(form);
    const beyond = tokenizer.vocabSize - 1;
    tokenizer.limitTo(beyond);
    expect(tokenizer.unusableTokens).toHaveLength(1);
    const [token] = tokenizer.unusableTokens;
    expect(() => tokenizer.encode(`a ${token} b`, { special: false })).toThrow(ModelError);
    expect(() => tokenizer.encode(`a ${token} b`, { special: false })).toThrow(`(${beyond})`);
    expect(tokenizer.encode('xyz', { special: false })).toEqual(tokenizerOf(form).encode('xyz', { special: false }));
  });
});

describe('real tokenizers', () => {
  const folder = process.env.MEMIT_REAL_MODEL;
  const digestsOf = (name: string): string => real.tokenizers.find((each) => each.name === name)!.digests;

  it('GPT-2’s gives the ids of Python', () => {
    const text = gunzipSync(readFileSync('tests/reference/models/gpt2/tokenizer.json.gz')).toString('utf8');
    expect(different(ModelTokenizer.create(text, '{}'), digestsOf('gpt2'))).toEqual([]);
  });

  it('stories260K’s gives the ids of Python', () => {
    const tokenizer = ModelTokenizer.create(readText('tests/reference/models/stories260k/tokenizer.json'), '{}');
    expect(different(tokenizer, digestsOf('stories260k'))).toEqual([]);
    expect(tokenizer.encode('Once upon a time', { special: true })[0]).toBe(1);
  });

  it.skipIf(folder === undefined || !existsSync(join(folder, 'tokenizer.json')))(
    'SmolLM2’s gives the ids of Python (MEMIT_REAL_MODEL names its folder)',
    () => {
      const text = readFileSync(join(folder!, 'tokenizer.json'), 'utf8');
      expect(different(ModelTokenizer.create(text, '{}'), digestsOf('smollm2'))).toEqual([]);
    },
  );

  const gemma = process.env.MEMIT_GEMMA3_GGUF;
  it.skipIf(gemma === undefined)(
    'Gemma 3’s, from its metadata, gives the ids of Python (MEMIT_GEMMA3_GGUF names the file)',
    async () => {
      const model = await modelFolder(modelAt(gemma!));
      const [tokenizer, config] = await Promise.all(
        ['tokenizer.json', 'tokenizer_config.json'].map((name) => readSource(model, name)),
      );
      expect(different(ModelTokenizer.create(tokenizer, config), digestsOf('gemma3'))).toEqual([]);
    },
    60_000,
  );
});
