/** The tokenizer that a GGUF file's metadata holds, as tokenizer.json and tokenizer_config.json. */
import type { GgufMetadata } from './metadata.ts';
import { SPLITTING_NAMES, splittingOf } from './pre-tokenizers.ts';
import { mergesOf } from './sentencepiece-merges.ts';

export interface TokenizerFiles {
  readonly tokenizer: object;
  readonly config: object;
}

/** Kinds of tokens (llama.h: enum llama_token_type). */
const ORDINARY = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;
const UNUSED = 5;

/** SentencePiece's sign for a space. */
const SPACE = '▁';

interface Vocabulary {
  readonly tokens: readonly string[];
  /** One a token; all ordinary where the metadata has none. */
  readonly types: readonly number[];
}

/** @throws ModelError naming what is missing or not known */
export function tokenizerFiles(metadata: GgufMetadata): TokenizerFiles {
  const tokens = metadata.texts('tokenizer.ggml.tokens');
  const types = metadata.optionalNumbers('tokenizer.ggml.token_type') ?? tokens.map(() => ORDINARY);
  if (types.length !== tokens.length) {
    throw metadata.refusal(`it has ${tokens.length} tokens and the types of ${types.length}`);
  }
  const vocabulary = { tokens, types };
  const kind = metadata.text('tokenizer.ggml.model');
  if (kind === 'gpt2') return bytePairTokenizer(metadata, vocabulary);
  if (kind === 'llama') return sentencePieceTokenizer(metadata, vocabulary);
  throw metadata.refusal(`its tokenizer is of the kind “${kind}”; gpt2 and llama are read`);
}

function bytePairTokenizer(metadata: GgufMetadata, vocabulary: Vocabulary): TokenizerFiles {
  const pre = metadata.optionalText('tokenizer.ggml.pre') ?? oldName(metadata);
  const splitting = splittingOf(pre);
  if (!splitting) {
    throw metadata.refusal(
      `its tokenizer splits text in the way “${pre}” (tokenizer.ggml.pre); ${SPLITTING_NAMES.join(', ')} are read`,
    );
  }
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  return files(metadata, vocabulary, splitting.addsBegin, {
    normalizer: splitting.normalizer,
    pre_tokenizer: splitting.pre_tokenizer,
    decoder: byteLevel,
    model: {
      ...BPE,
      ignore_merges: splitting.ignoreMerges,
      vocab: idsOf(vocabulary),
      merges: metadata.texts('tokenizer.ggml.merges').map((merge) => pairOf(merge)),
    },
  });
}

/** Files from before May 2024 do not say how text is split; of GPT-2's own there is no doubt. */
function oldName(metadata: GgufMetadata): string {
  return metadata.optionalText('general.architecture') === 'gpt2' ? 'gpt-2' : 'default';
}

/** "a b" as a pair; the space between is the first after the first character, as a part may begin with one. */
function pairOf(merge: string): [string, string] {
  const space = merge.indexOf(' ', 1);
  return [merge.slice(0, space), merge.slice(space + 1)];
}

function sentencePieceTokenizer(metadata: GgufMetadata, vocabulary: Vocabulary): TokenizerFiles {
  const { tokens, types } = vocabulary;
  const scores = metadata.numbers('tokenizer.ggml.scores');
  if (scores.length !== tokens.length) {
    throw metadata.refusal(`it has ${tokens.length} tokens and ${scores.length} scores`);
  }
  const ordinary = [...tokens.keys()].filter((id) => types[id] === ORDINARY);
  const unknown = tokens.find((_, id) => types[id] === UNKNOWN) ?? null;
  const spaces = { type: 'Replace', pattern: { String: ' ' }, content: SPACE };
  const prepends = metadata.optionalFlag('tokenizer.ggml.add_space_prefix') ?? true;
  const plainSpaces = { type: 'Replace', pattern: { String: SPACE }, content: ' ' };
  return files(metadata, vocabulary, true, {
    normalizer: prepends ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: SPACE }, spaces] } : spaces,
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        plainSpaces,
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(prepends ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      ...BPE,
      unk_token: unknown,
      fuse_unk: true,
      byte_fallback: true,
      vocab: idsOf(vocabulary),
      merges: mergesOf(
        ordinary.map((id) => tokens[id]),
        ordinary.map((id) => scores[id]),
      ),
    },
  });
}

const BPE = {
  type: 'BPE',
  dropout: null,
  unk_token: null as string | null,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: false,
  ignore_merges: false,
};

/** Ids by token, without those that only fill the table up. */
function idsOf({ tokens, types }: Vocabulary): Record<string, number> {
  // By entries: a token may be "__proto__".
  return Object.fromEntries(tokens.flatMap((token, id) => (types[id] === UNUSED ? [] : [[token, id]])));
}

/** What both kinds have: added tokens, and what is put around a text. */
function files(
  metadata: GgufMetadata,
  { tokens, types }: Vocabulary,
  addsBegin: boolean,
  parts: Readonly<Record<string, unknown>>,
): TokenizerFiles {
  const added = tokens.flatMap((content, id) => {
    const special = types[id] === CONTROL || types[id] === UNKNOWN;
    if (!special && types[id] !== USER_DEFINED) return [];
    return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special }];
  });
  const tokenOf = (name: string): string | null => {
    const id = metadata.optionalNumber(`tokenizer.ggml.${name}_token_id`);
    if (id === undefined) return null;
    if (tokens.at(id) === undefined) throw metadata.refusal(`its ${name} token ${id} is none of ${tokens.length}`);
    return tokens[id];
  };
  const [bos, eos] = [tokenOf('bos'), tokenOf('eos')];
  const begin = (metadata.optionalFlag('tokenizer.ggml.add_bos_token') ?? addsBegin) ? bos : null;
  const end = (metadata.optionalFlag('tokenizer.ggml.add_eos_token') ?? false) ? eos : null;
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: added,
      ...parts,
      post_processor: templateOf(begin, end, tokens),
    },
    config: {
      tokenizer_class: 'PreTrainedTokenizerFast',
      bos_token: bos,
      eos_token: eos,
      unk_token: tokenOf('unknown'),
      pad_token: tokenOf('padding'),
      add_bos_token: begin !== null,
      add_eos_token: end !== null,
      clean_up_tokenization_spaces: false,
      ...(metadata.has('tokenizer.chat_template') && { chat_template: metadata.text('tokenizer.chat_template') }),
    },
  };
}

function templateOf(begin: string | null, end: string | null, tokens: readonly string[]): object | null {
  if (begin === null && end === null) return null;
  const special = (token: string | null): object[] =>
    token === null ? [] : [{ SpecialToken: { id: token, type_id: 0 } }];
  const around = (...sequences: string[]): object[] => [
    ...special(begin),
    ...sequences.map((id) => ({ Sequence: { id, type_id: 0 } })),
    ...special(end),
  ];
  const used = [...new Set([begin, end])].filter((token) => token !== null);
  return {
    type: 'TemplateProcessing',
    single: around('A'),
    pair: [...around('A'), ...around('B')],
    special_tokens: Object.fromEntries(
      used.map((token) => [token, { id: token, ids: [tokens.indexOf(token)], tokens: [token] }]),
    ),
  };
}
