import { describe, expect, it } from 'vitest';
import { ModelError } from '../../../src/engine/errors.ts';
import { ModelTokenizer } from '../../../src/engine/tokens/tokenizer.ts';
import { demoTokenizer, readText } from './demo.ts';
import { sentencePieceJson, sentencePieceTokenizer } from './sentencepiece.ts';

interface Golden {
  prompt: string;
  ids: number[];
  top: { id: number; token: string }[];
}

const { predictions: goldens } = JSON.parse(readText('tests/reference/goldens/demo-predictions.json')) as {
  predictions: Golden[];
};

/** The text each token covers, where covered characters can be shared by tokens. */
function covered(tokenizer: ModelTokenizer, text: string, special = true): string[] {
  return tokenizer.spans(text, { special }).map(([start, end]) => text.slice(start, end));
}

describe('ModelTokenizer', () => {
  it.each(goldens)('gives the token ids of transformers for “$prompt”', ({ prompt, ids, top }) => {
    expect(demoTokenizer.encode(prompt, { special: true })).toEqual(ids);
    expect(demoTokenizer.decode(ids)).toBe(prompt);
    expect(top.map(({ id }) => demoTokenizer.tokenText(id))).toEqual(top.map(({ token }) => token));
  });

  it('knows its size and its end of text', () => {
    expect(demoTokenizer.vocabSize).toBe(6144);
    expect(demoTokenizer.endOfTextId).toBe(0);
    expect(demoTokenizer.encode('<|endoftext|>The', { special: false })[0]).toBe(0);
  });

  it('gives the ids of the tiny model’s tokenizer', () => {
    const folder = 'tests/reference/models/tiny-gpt2';
    const tokenizer = ModelTokenizer.create(
      readText(`${folder}/tokenizer.json`),
      readText(`${folder}/tokenizer_config.json`),
    );
    const { tokens } = JSON.parse(readText('tests/reference/goldens/tiny-gpt2.json')) as {
      tokens: { text: string; ids: number[] };
    };
    expect(tokenizer.encode(tokens.text, { special: true })).toEqual(tokens.ids);
    expect(tokenizer.decode(tokens.ids)).toBe(tokens.text);
    expect(tokenizer.vocabSize).toBe(300);
    expect(tokenizer.endOfTextId).toBe(0);
  });

  it('finds the end of text without a configuration, or says that there is none', () => {
    const json = readText('public/models/demo/tokenizer.json');
    expect(ModelTokenizer.create(json, '{}').endOfTextId).toBe(0);
    expect(ModelTokenizer.create(json, '{"eos_token": "<nothing>"}').endOfTextId).toBeNull();
  });

  it.each(['Zoë lives in São Paulo.', '東京タワー is in', '👩‍🚀 in “space” — 𝒳', ' two  spaces\n\tand tabs '])(
    'decodes what it encoded and covers every character of “%s”',
    (text) => {
      const ids = demoTokenizer.encode(text, { special: false });
      expect(demoTokenizer.decode(ids)).toBe(text);
      const spans = demoTokenizer.spans(text, { special: false });
      expect(spans).toHaveLength(ids.length);
      const reached = new Set(
        spans.flatMap(([start, end]) => Array.from({ length: end - start }, (_, i) => start + i)),
      );
      expect(reached.size).toBe(text.length);
      spans.forEach(([start, end], i) => {
        expect(end).toBeGreaterThan(start);
        // What a token spells, a part of a character counting as the whole of it.
        const whole = demoTokenizer.decode([ids[i]]).replace(/\ufffd+/g, '');
        expect(text.slice(start, end)).toContain(whole);
        expect([...text.slice(start, end)].length - [...whole].length).toBeLessThanOrEqual(1);
      });
    },
  );

  it('covers nothing with an empty text', () => {
    expect(demoTokenizer.encode('', { special: true })).toEqual([]);
    expect(demoTokenizer.spans('', { special: true })).toEqual([]);
    expect(demoTokenizer.decode([])).toBe('');
  });

  it('shows part of a character as its bytes', () => {
    const ids = demoTokenizer.encode('𝒳', { special: false });
    expect(ids.length).toBeGreaterThan(1);
    expect(ids.map((id) => demoTokenizer.tokenText(id)).join('')).toBe('<0xF0><0x9D><0x92><0xB3>');
  });

  it('reads a SentencePiece vocabulary: begin token, leading space, byte tokens', () => {
    const tokenizer = sentencePieceTokenizer;
    expect(tokenizer.endOfTextId).toBe(2);
    const ids = tokenizer.encode('Paris is é', { special: true });
    expect(ids.map((id) => tokenizer.tokenText(id))).toEqual(['<s>', ' Par', 'is', ' is', ' ', '<0xC3>', '<0xA9>']);
    expect(tokenizer.encode('Paris is é', { special: false })).toEqual(ids.slice(1));
    expect(covered(tokenizer, 'Paris is é')).toEqual(['', 'Par', 'is', ' is', ' ', 'é', 'é']);
    expect(tokenizer.decode(ids.slice(3))).toBe(' is é');
  });

  it('covers the characters as typed when the tokenizer composes them', () => {
    const json = JSON.parse(readText('public/models/demo/tokenizer.json')) as object;
    const composing = ModelTokenizer.create(JSON.stringify({ ...json, normalizer: { type: 'NFC' } }), '{}');
    const text = 'Zoe\u0308 is here';
    const spans = composing.spans(text, { special: false });
    const here = composing.encode(' here', { special: false });
    expect(spans.at(-here.length)?.[0]).toBe(text.indexOf(' here'));
    expect(spans.at(-1)?.[1]).toBe(text.length);
    expect(spans.some(([start, end]) => start <= 2 && end >= 4)).toBe(true);
  });

  it.each([
    ['{', '{}', /tokenizer\.json is not valid JSON/],
    ['[]', '{}', /tokenizer\.json is not a tokenizer file/],
    ['{"model": {"type": "BPE"}}', '{}', /model\.vocab/],
    [JSON.stringify({ ...sentencePieceJson, decoder: { type: 'Nonsense' } }), '{}', /Nonsense/],
    [JSON.stringify(sentencePieceJson), 'null', /tokenizer_config\.json/],
  ])('refuses a broken file (%#)', (json, config, message) => {
    expect(() => ModelTokenizer.create(json, config)).toThrow(ModelError);
    expect(() => ModelTokenizer.create(json, config)).toThrow(message);
  });
});
