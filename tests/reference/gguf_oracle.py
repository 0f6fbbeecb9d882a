#!/usr/bin/env python3
"""GGUF files, and what is in them according to the `gguf` package, `transformers`, `tokenizers` and `sentencepiece`.

    python tests/reference/gguf_oracle.py

Writes goldens/gguf-blocks.json: random blocks of every quantised type, and their values by gguf.dequantize.

Writes models/gguf/ARCHITECTURE.gguf and goldens/gguf-models.json: a small random model of every architecture, converted as llama.cpp
converts it (names from gguf's own tensor map), and the tensors and the config that it had before. `transformers` reads the files of
the architectures that it knows, and must find the same tensors.

Writes models/gguf/byte-level.gguf, models/gguf/sentencepiece.gguf and goldens/gguf-tokenizers.json: vocabularies without tensors, and
ids of texts: of the first by `tokenizers`, for every way of splitting text, of the second by SentencePiece itself.
"""

import base64
import hashlib
import io
import json
import tempfile
from pathlib import Path

import gguf
import numpy as np
import sentencepiece
import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.convert_slow_tokenizer import TikTokenConverter
from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS

from common import GOLDENS, REFERENCE, write_json

MODELS = REFERENCE / "models/gguf"
TEXTS = REFERENCE / "data/tokenizer-texts.json"
TYPES = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"]
BLOCKS = 8
# Of the blocks' halves: ordinary, negative, the smallest subnormal, the largest number, both zeros, a subnormal, an odd one.
SCALES = np.array([0.0123, -0.37, 6e-8, 65504, -0.0, 0.0, -3.1e-5, 1.7], np.float16)


def base64_of(values):
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")


def blocks():
    """Random bytes, with scales that are numbers at the places where a type keeps its halves."""
    random = np.random.default_rng(7)
    rows = []
    for name in TYPES:
        kind = gguf.GGMLQuantizationType[name]
        _, size = gguf.GGML_QUANT_SIZES[kind]
        data = random.integers(0, 256, (BLOCKS, size), np.uint8)
        places = [size - 2] if name == "Q6_K" else [0, 2] if name in ("Q4_1", "Q5_1", "Q4_K", "Q5_K") else [0]
        for i, place in enumerate(places):
            data[:, place : place + 2] = np.roll(SCALES, 3 * i).view(np.uint8).reshape(-1, 2)
        values = gguf.dequantize(data.reshape(-1), kind)
        assert values.dtype == np.float32 and np.isfinite(values).all()
        rows.append({"type": name, "blocks": base64_of(data), "values": base64_of(values)})
    write_json(GOLDENS / "gguf-blocks.json", {"types": rows})


SHARED = {
    "vocab_size": 40,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-6,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500_000.0,
    "factor": 32.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
# By the architecture's name in GGUF: model_type and what the config says beyond the shared settings.
ARCHITECTURES = {
    "llama": ("llama", {"tie_word_embeddings": False, "head_dim": 8, "rope_parameters": LLAMA3_ROPE}),
    "qwen2": ("qwen2", {"tie_word_embeddings": True}),
    "qwen3": ("qwen3", {"tie_word_embeddings": False, "head_dim": 8}),
    "gemma2": ("gemma2", {"head_dim": 8, "sliding_window": 16, "query_pre_attn_scalar": 8}),
    "gemma3": ("gemma3_text", {"head_dim": 8, "sliding_window": 16, "query_pre_attn_scalar": 8}),
    "phi3": ("phi3", {"tie_word_embeddings": False, "sliding_window": 32}),
    "gpt2": (
        "gpt2",
        {"n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 64, "n_inner": 24},
    ),
    "gptneox": ("gpt_neox", {"tie_word_embeddings": False, "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 0.5}, "num_key_value_heads": None}),
}
KEYS = {
    "gpt2": ["n_positions", "n_embd", "n_layer", "n_head", "n_inner", "layer_norm_epsilon", "activation_function"],
    "gptneox": ["layer_norm_eps", "use_parallel_residual", "hidden_act", "attention_bias"],
    "gemma2": ["attn_logit_softcapping", "final_logit_softcapping", "hidden_activation"],
    "gemma3": ["final_logit_softcapping", "hidden_activation"],
}
# The name in published files, where transformers 5 has another.
PUBLISHED = {("gptneox", "lm_head.weight"): "embed_out.weight"}
# transformers' reader does not know them.
UNCHECKED = ("gptneox",)
# Which tensors are not kept in 32 bits, so that every form of storage is met.
STORED = {"ffn_gate": np.float16, "attn_q": np.float16}


def turned_in_pairs(weight, heads):
    """Rows in the order in which llama.cpp turns them (convert_hf_to_gguf.py: LlamaModel.permute)."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(weight.shape)


def converted(name, architecture, values, config):
    """A tensor's values as llama.cpp's conversion writes them."""
    if architecture == "llama" and name.endswith("q_proj.weight"):
        return turned_in_pairs(values, config.num_attention_heads)
    if architecture == "llama" and name.endswith("k_proj.weight"):
        return turned_in_pairs(values, config.num_key_value_heads)
    if architecture.startswith("gemma") and name.endswith("norm.weight"):
        return values + np.float32(1)
    if architecture == "gpt2" and name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")):
        return np.ascontiguousarray(values.T)
    if architecture == "gptneox" and "query_key_value" in name:
        heads = config.num_attention_heads
        return values.reshape(heads, 3, config.hidden_size // heads, -1).swapaxes(0, 1).reshape(values.shape)
    return values


def llama3_divisors(config):
    """What frequencies are divided by (convert_hf_to_gguf.py: LlamaModel.generate_extra_tensors)."""
    rope = config.rope_parameters
    low, high, factor = rope["low_freq_factor"], rope["high_freq_factor"], rope["factor"]
    context = rope["original_max_position_embeddings"]
    divisors = []
    for i in range(0, config.head_dim, 2):
        length = 2 * np.pi * rope["rope_theta"] ** (i / config.head_dim)
        if length < context / high:
            divisors.append(1.0)
        elif length > context / low:
            divisors.append(factor)
        else:
            smooth = (context / length - low) / (high - low)
            divisors.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(divisors, np.float32)


def add_metadata(writer, architecture, config):
    neox, gpt2 = architecture == "gptneox", architecture == "gpt2"
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.n_inner if gpt2 else config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    if gpt2 or neox:
        writer.add_layer_norm_eps(config.layer_norm_epsilon if gpt2 else config.layer_norm_eps)
    else:
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
        writer.add_head_count_kv(config.num_key_value_heads)
    if neox:
        writer.add_parallel_residual(config.use_parallel_residual)
        writer.add_rope_dimension_count(int(config.rope_parameters["partial_rotary_factor"] * config.hidden_size / config.num_attention_heads))
    if architecture in ("llama", "qwen3", "gemma2", "gemma3"):
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    if architecture in ("llama", "qwen2", "qwen3", "phi3"):
        writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
        writer.add_vocab_size(config.vocab_size)
    if architecture == "gemma3":
        writer.add_rope_freq_base(config.rope_parameters["full_attention"]["rope_theta"])
    if architecture in ("llama", "phi3"):
        writer.add_rope_dimension_count(getattr(config, "head_dim", None) or 4)
    if architecture in ("gemma2", "gemma3", "phi3"):
        writer.add_sliding_window(config.sliding_window)
    if architecture == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)


def add_small_vocabulary(writer, size):
    """Tokens enough for a model to be opened."""
    kinds = gguf.TokenType
    special = [("<pad>", kinds.CONTROL), ("<s>", kinds.CONTROL), ("</s>", kinds.CONTROL), ("<unk>", kinds.UNKNOWN)]
    letters = [(chr(ord("a") + i), kinds.NORMAL) for i in range(26)]
    rest = [("▁", kinds.NORMAL), ("▁a", kinds.NORMAL)]
    tokens = [*special, *letters, *rest]
    tokens += [(f"[PAD{i}]", kinds.UNUSED) for i in range(len(tokens), size)]
    writer.add_tokenizer_model("llama")
    writer.add_token_list([token for token, _ in tokens])
    writer.add_token_scores([-float(i) for i in range(size)])
    writer.add_token_types([kind for _, kind in tokens])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(3)


def write_model(architecture):
    model_type, settings = ARCHITECTURES[architecture]
    config = AutoConfig.for_model(model_type, **{**SHARED, **settings})
    torch.manual_seed(11)
    model = AutoModelForCausalLM.from_config(config).float().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            # Sixteenths: exact in every form of storage, and 1 more and less.
            parameter.copy_(torch.randint(-64, 64, parameter.shape) / 16)
    tensors = {PUBLISHED.get((architecture, name), name): value.numpy() for name, value in model.state_dict().items()}
    if config.tie_word_embeddings:
        tensors.pop("lm_head.weight", None)
    path = MODELS / f"{architecture}.gguf"
    kind = next(arch for arch, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    names = gguf.get_tensor_name_map(kind, config.num_hidden_layers)
    writer = gguf.GGUFWriter(path, architecture)
    add_metadata(writer, architecture, config)
    add_small_vocabulary(writer, config.vocab_size)
    for name, values in tensors.items():
        new_name = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert new_name is not None, name
        dtype = next((dtype for part, dtype in STORED.items() if part in new_name and values.ndim == 2), np.float32)
        writer.add_tensor(new_name, converted(name, architecture, values, config).astype(dtype))
    if architecture == "llama":
        writer.add_tensor("rope_freqs.weight", llama3_divisors(config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    if architecture not in UNCHECKED:
        check_with_transformers(path, config, tensors)
    layer_norm = architecture in ("gpt2", "gptneox")
    shared = [key for key in SHARED if not (layer_norm and key in ("rms_norm_eps", "num_key_value_heads"))]
    kept = [key for key in [*shared, "head_dim", "sliding_window", "query_pre_attn_scalar"] if hasattr(config, key)]
    plain = ["n_positions", "n_embd"] if architecture == "gpt2" else []
    wanted = config.to_dict()
    keys = [*kept, *plain, *KEYS.get(architecture, []), "tie_word_embeddings", "model_type", "architectures"]
    wanted["architectures"] = [type(model).__name__]
    return {
        "architecture": architecture,
        "config": {key: wanted[key] for key in keys if wanted.get(key) is not None},
        "ropeParameters": wanted.get("rope_parameters"),
        "tensors": [
            {"name": name, "shape": list(values.shape), "sha256": hashlib.sha256(values.tobytes()).hexdigest()}
            for name, values in tensors.items()
        ],
    }


def check_with_transformers(path, config, tensors):
    """What `transformers` makes of the file's tensors must be the model that it was made from."""
    loaded = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, config=config, dtype=torch.float32
    ).state_dict()
    for name, values in tensors.items():
        assert np.array_equal(loaded[name].numpy(), values), f"{path.name}: {name}"


BYTE_TEXTS = 3000


def add_tokens(writer, tokens, kinds):
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)


def byte_level(texts):
    """A byte-level vocabulary with three added tokens, and the ids of texts for every way of splitting them."""
    base = Tokenizer(models.BPE())
    base.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        special_tokens=["<|endoftext|>", "<|begin|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    base.train_from_iterator(texts, trainer)
    model = json.loads(base.to_str())["model"]
    tokens = [token for token, _ in sorted(base.get_vocab().items(), key=lambda item: item[1])]
    merges = [tuple(merge) for merge in model["merges"]]
    kinds = [gguf.TokenType.CONTROL] * 2 + [gguf.TokenType.NORMAL] * (len(tokens) - 2)
    tokens += ["<think>", "[PAD901]"]
    kinds += [gguf.TokenType.USER_DEFINED, gguf.TokenType.UNUSED]
    writer = gguf.GGUFWriter(MODELS / "byte-level.gguf", "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    add_tokens(writer, tokens, kinds)
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(0)
    finish(writer)

    def tokenizer(pre_tokenizer, normalizer=None, ignore_merges=False):
        made = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens[:-1])}, merges, ignore_merges=ignore_merges))
        made.pre_tokenizer = pre_tokenizer
        if normalizer is not None:
            made.normalizer = normalizer
        made.add_special_tokens(tokens[:2])
        made.add_tokens([tokens[-2]])
        return made

    level = lambda use_regex: pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)
    split = lambda pattern: pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), level(False)])
    digits = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), level(True)])
    made = {
        "gpt-2": tokenizer(level(True)),
        "mpt": tokenizer(level(True), normalizers.NFC()),
        "smollm": tokenizer(digits),
        "llama-bpe": tokenizer(split(TikTokenConverter().pattern), ignore_merges=True),
        "dbrx": tokenizer(split(TikTokenConverter().pattern)),
        "qwen2": tokenizer(split(GGUF_PRE_TOKENIZER_SPLITS["qwen2"]), normalizers.NFC()),
        "deepseek-r1-qwen": tokenizer(split(GGUF_PRE_TOKENIZER_SPLITS["deepseek-r1-qwen"])),
        "gpt-4o": tokenizer(split(GGUF_PRE_TOKENIZER_SPLITS["gpt-4o"])),
        "tekken": tokenizer(split(GGUF_PRE_TOKENIZER_SPLITS["tekken"]), ignore_merges=True),
    }
    return [{"pre": pre, "ids": [each.encode(text).ids for text in texts]} for pre, each in made.items()]


def sentence_piece(texts):
    """A SentencePiece vocabulary of Llama's settings, and the ids that SentencePiece gives."""
    file = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts * 3),
        model_writer=file,
        model_type="bpe",
        vocab_size=700,
        character_coverage=0.98,
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        user_defined_symbols=["<think>"],
        minloglevel=2,
    )
    made = sentencepiece.SentencePieceProcessor(model_proto=file.getvalue())
    writer = gguf.GGUFWriter(MODELS / "sentencepiece.gguf", "llama")
    writer.add_tokenizer_model("llama")
    ids = range(made.get_piece_size())
    kind = lambda i: (
        gguf.TokenType.UNKNOWN if made.is_unknown(i)
        else gguf.TokenType.CONTROL if made.is_control(i)
        else gguf.TokenType.BYTE if made.is_byte(i)
        else gguf.TokenType.USER_DEFINED if made.id_to_piece(i) == "<think>"
        else gguf.TokenType.NORMAL
    )
    add_tokens(writer, [made.id_to_piece(i) for i in ids], [kind(i) for i in ids])
    writer.add_token_scores([made.get_score(i) for i in ids])
    writer.add_bos_token_id(made.bos_id())
    writer.add_eos_token_id(made.eos_id())
    writer.add_unk_token_id(made.unk_id())
    finish(writer)
    return [made.encode(text) for text in texts]


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tokenizers():
    texts = json.loads(TEXTS.read_text(encoding="utf-8"))
    # An added token inside a text is cut out before the first ▁ is put there: SentencePiece itself puts none after it.
    plain = [text for text in texts if "<" not in text]
    write_json(
        GOLDENS / "gguf-tokenizers.json",
        {"byteLevel": byte_level(texts), "sentencePiece": {"texts": plain, "ids": sentence_piece(plain)}},
    )


def main():
    MODELS.mkdir(parents=True, exist_ok=True)
    blocks()
    write_json(GOLDENS / "gguf-models.json", {"models": [write_model(name) for name in ARCHITECTURES]})
    tokenizers()


if __name__ == "__main__":
    main()
