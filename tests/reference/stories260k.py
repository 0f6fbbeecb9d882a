#!/usr/bin/env python3
"""stories260K (karpathy/tinyllamas), a trained Llama with grouped queries, as a folder in the hub's layout, and what it says.

Reads llama2.c's files stories260K.bin and tok512.bin and writes models/stories260k/: config.json, weights in float16 and the SentencePiece
vocabulary as tokenizer.json; and goldens/stories260k.json: logits, and the most probable continuations, by `transformers`.

    python tests/reference/stories260k.py --source DIR
"""

import argparse
import struct
import sys
from pathlib import Path

import numpy
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, processors
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from common import GOLDENS, REFERENCE, load_tokenizer, numbers, write_json

FOLDER = REFERENCE / "models/stories260k"
UNKNOWN, BEGIN, END = "<unk>", "<s>", "</s>"
FIRST_BYTE = 3
PROMPTS = [
    "Once upon a time",
    "Lily and Tom went to the park",
    "The dog was happy because",
    "One day, a bird saw a big",
    "\"Can I play?\" asked Ben. Mom said: né 3 ☃",
]
NEW_TOKENS = 24
LOGIT_STRIDE = 8
# What llama2.c says of itself when it takes the most probable token each time (stories260K.md).
STORY = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball."


def read_model(path):
    """The configuration, and the tensors by their names in `transformers` (llama2.c: export.py, legacy_export)."""
    data = Path(path).read_bytes()
    dim, inner, layers, heads, kv_heads, vocabulary, context = struct.unpack("7i", data[:28])
    head = dim // heads
    values = torch.from_numpy(numpy.frombuffer(data, numpy.float32, offset=28).copy())

    def take(*shape):
        nonlocal values
        size = int(numpy.prod(shape))
        taken, values = values[:size].view(shape), values[size:]
        return taken

    # llama2.c turns neighbouring numbers, `transformers` number i with number i + half.
    halves = lambda weight, count: weight.view(count, head // 2, 2, dim).transpose(1, 2).reshape(count * head, dim)
    tensors = {"model.embed_tokens.weight": take(vocabulary, dim)}
    parts = [
        ("input_layernorm", (dim,)),
        ("self_attn.q_proj", (heads * head, dim)),
        ("self_attn.k_proj", (kv_heads * head, dim)),
        ("self_attn.v_proj", (kv_heads * head, dim)),
        ("self_attn.o_proj", (dim, heads * head)),
        ("post_attention_layernorm", (dim,)),
        ("mlp.gate_proj", (inner, dim)),
        ("mlp.down_proj", (dim, inner)),
        ("mlp.up_proj", (inner, dim)),
    ]
    for name, shape in parts:
        for layer, weight in enumerate(take(layers, *shape)):
            if name.endswith(("q_proj", "k_proj")):
                weight = halves(weight, shape[0] // head)
            tensors[f"model.layers.{layer}.{name}.weight"] = weight
    tensors["model.norm.weight"] = take(dim)
    # The rest are tables of cosines and sines.
    if values.numel() != 2 * context * head // 2:
        sys.exit(f"{path} has {values.numel()} numbers left.")
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=dim,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=context,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
    )
    return config, tensors


def read_pieces(path, count):
    """The vocabulary as (piece, score), in the order of ids; spaces as ▁."""
    data = Path(path).read_bytes()
    pieces, at = [], 4
    for _ in range(count):
        score, length = struct.unpack("fi", data[at : at + 8])
        at += 8 + length
        pieces.append((data[at - length : at].decode().replace(" ", "▁"), score))
    # The begin and end tokens stand between line breaks there.
    return [(piece.strip("\n") if i in (1, 2) else piece, score) for i, (piece, score) in enumerate(pieces)]


def make_tokenizer(pieces):
    """A tokenizer.json of Llama's form: two pieces merge into a third that is in the vocabulary, the likeliest third first."""
    vocabulary = {piece: i for i, (piece, _) in enumerate(pieces)}
    scores = dict(pieces)
    merges = [
        (scores[piece], piece[:cut], piece[cut:])
        for piece in vocabulary
        if len(piece) > 1 and not (piece.startswith("<") and piece.endswith(">"))
        for cut in range(1, len(piece))
        if piece[:cut] in vocabulary and piece[cut:] in vocabulary
    ]
    merges.sort(key=lambda merge: (-merge[0], vocabulary[merge[1]], vocabulary[merge[2]]))
    pairs = [(left, right) for _, left, right in merges]
    tokenizer = Tokenizer(models.BPE(vocabulary, pairs, unk_token=UNKNOWN, fuse_unk=True, byte_fallback=True))
    tokenizer.add_special_tokens([UNKNOWN, BEGIN, END])
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", pair=f"{BEGIN} $A {BEGIN} $B", special_tokens=[(BEGIN, vocabulary[BEGIN])]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return tokenizer


def encode(text, pieces):
    """As llama2.c's run.c: characters, or their bytes, then the best of all neighbours is merged until none is left."""
    ids = {piece: i for i, (piece, _) in enumerate(pieces)}
    tokens = [ids["▁"]]
    for character in text.replace(" ", "▁"):
        found = ids.get(character)
        tokens += [found] if found is not None else [byte + FIRST_BYTE for byte in character.encode()]
    while True:
        pairs = [
            (pieces[ids[joined]][1], -at)
            for at in range(len(tokens) - 1)
            if (joined := pieces[tokens[at]][0] + pieces[tokens[at + 1]][0]) in ids
        ]
        if not pairs:
            return [1, *tokens]
        at = -max(pairs)[1]
        tokens[at : at + 2] = [ids[pieces[tokens[at]][0] + pieces[tokens[at + 1]][0]]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", required=True, type=Path, help="folder of stories260K.bin and tok512.bin")
    options = parser.parse_args()

    config, tensors = read_model(options.source / "stories260K.bin")
    model = LlamaForCausalLM(config)
    model.load_state_dict({**tensors, "lm_head.weight": tensors["model.embed_tokens.weight"]})
    model.half().save_pretrained(FOLDER)
    (FOLDER / "generation_config.json").unlink(missing_ok=True)
    (FOLDER / "model.safetensors").chmod(0o644)
    pieces = read_pieces(options.source / "tok512.bin", config.vocab_size)
    make_tokenizer(pieces).save(str(FOLDER / "tokenizer.json"), pretty=False)

    tokenizer = load_tokenizer(FOLDER)
    model = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32, attn_implementation="eager").eval()
    most_probable = lambda ids, count: model.generate(
        torch.tensor([ids]), do_sample=False, max_new_tokens=count, pad_token_id=0
    )[0].tolist()
    if not tokenizer.decode(most_probable([1], 60)).startswith(STORY):
        sys.exit("The converted model does not tell llama2.c's story.")

    rows = []
    for prompt in PROMPTS:
        ids = tokenizer.encode(prompt).ids
        if ids != encode(prompt, pieces):
            sys.exit(f"The tokenizer and llama2.c disagree on “{prompt}”.")
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0]
        continuation = most_probable(ids, NEW_TOKENS)[len(ids) :]
        rows.append(
            {
                "prompt": prompt,
                "ids": ids,
                "spread": numbers(logits.amax(-1) - logits.amin(-1), 6),
                "logits": numbers(logits[:, ::LOGIT_STRIDE], 7),
                "continuation": continuation,
                "text": tokenizer.decode(continuation),
            }
        )
    write_json(GOLDENS / "stories260k.json", {"logitStride": LOGIT_STRIDE, "sequences": rows})


if __name__ == "__main__":
    main()
