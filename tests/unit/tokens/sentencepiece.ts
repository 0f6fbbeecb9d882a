/** A small tokenizer in the manner of Llama 2: ▁ for spaces, bytes as <0xE2>, and a begin token that it adds itself. */
import { ModelTokenizer } from '../../../src/engine/tokens/tokenizer.ts';

const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`);
const letters = Array.from('▁abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,\'"');
const merged = ['▁i', '▁is', '▁P', '▁Pa', '▁Par', 'is', 'Par', '▁in'];
const vocabulary = ['<unk>', '<s>', '</s>', ...bytes, ...letters, ...merged];

const json = {
  version: '1.0',
  added_tokens: [0, 1, 2].map((id) => ({ id, content: vocabulary[id], special: true, normalized: false })),
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'Prepend', prepend: '▁' },
      { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    ],
  },
  pre_tokenizer: null,
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [],
    special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
  },
  decoder: {
    type: 'Sequence',
    decoders: [
      { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 },
    ],
  },
  model: {
    type: 'BPE',
    unk_token: '<unk>',
    byte_fallback: true,
    vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
    merges: ['▁ i', '▁i s', 'i s', '▁ P', '▁P a', '▁Pa r', 'P a', 'Pa r', '▁i n'],
  },
};

export const sentencePieceTokenizer = ModelTokenizer.create(JSON.stringify(json), '{"eos_token": {"content": "</s>"}}');
export const sentencePieceJson = json;
