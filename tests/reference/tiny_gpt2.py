#!/usr/bin/env python3
"""A tiny random GPT-2 and its golden activations and gradients.

Writes config and float32 weights into models/tiny-gpt2/, and goldens/tiny-gpt2.json. The weights are far larger than a trained
model's, so that every part of a block changes the logits. The tokenizer in that folder, a byte-level BPE of 300 tokens learnt once from
sentences of Wikipedia, is part of what the tests are given: goldens and requests are in its tokens.

    python tests/reference/tiny_gpt2.py
"""

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from common import GOLDENS, REFERENCE
from common import first, hooks, load_model, load_tokenizer, numbers, record_input, record_output, write_json

FOLDER = REFERENCE / "models/tiny-gpt2"
SEED = 7
VOCABULARY = 300
CONTEXT = 64
END_OF_TEXT = "<|endoftext|>"
WEIGHT_STD = 0.3
LENGTHS = [1, 5, 17, 64]
# The block at whose output the gradient is taken.
GRADIENT_LAYER = 1
LOGIT_STRIDE = 7


def write_model(end_of_text):
    config = GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=CONTEXT,
        n_embd=32,
        n_layer=4,
        n_head=4,
        n_inner=None,
        bos_token_id=end_of_text,
        eos_token_id=end_of_text,
    )
    model = GPT2LMHeadModel(config)
    generator = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            norm_scale = ".ln_" in name and name.endswith("weight")
            parameter.copy_(1 + 0.1 * noise if norm_scale else WEIGHT_STD * noise)
    model.save_pretrained(FOLDER)
    (FOLDER / "generation_config.json").unlink(missing_ok=True)


def activations(model, ids):
    """Logits, and per layer what the block makes of the last token."""
    store = {}
    handles = []
    for layer, block in enumerate(model.transformer.h):
        handles += [
            record_output(block, store, ("output", layer)),
            record_input(block.mlp.c_proj, store, ("key", layer)),
            record_output(block.mlp, store, ("mlp", layer)),
            record_output(block.attn, store, ("attention", layer)),
        ]
    with hooks(*handles), torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0]
    last = lambda name, layer: numbers(store[name, layer][0, -1])
    return {
        "ids": ids,
        "argmax": logits.argmax(-1).tolist(),
        "spread": numbers(logits.amax(-1) - logits.amin(-1), 6),
        "strided": numbers(logits[:, ::LOGIT_STRIDE], 7),
        "logits": numbers(logits[-1]),
        "layers": [
            {name: last(name, layer) for name in ("output", "key", "mlp", "attention")}
            for layer in range(model.config.n_layer)
        ],
    }


def gradient(model, ids, token, targets, delta):
    """Gradient of the targets' NLL with respect to a delta added to block 1's output at `token`.

    `ids` ends with the targets but the last one, as in an edit; the NLL is the mean over the targets.
    """
    delta = delta.clone().requires_grad_(True)

    def add_delta(_module, _inputs, output):
        hidden = first(output).clone()
        hidden[0, token] += delta
        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

    with hooks(model.transformer.h[GRADIENT_LAYER].register_forward_hook(add_delta)):
        logits = model(torch.tensor([ids])).logits[0, -len(targets) :]
    nll = torch.nn.functional.cross_entropy(logits, torch.tensor(targets))
    nll.backward()
    return {
        "ids": ids,
        "layer": GRADIENT_LAYER,
        "token": token,
        "targets": targets,
        "delta": numbers(delta),
        "nll": numbers(nll.item()),
        "gradient": numbers(delta.grad),
    }


def main():
    tokenizer = load_tokenizer(FOLDER)
    write_model(tokenizer.token_to_id(END_OF_TEXT))
    model = load_model(FOLDER)
    generator = torch.Generator().manual_seed(SEED + 1)
    random_ids = lambda length: torch.randint(VOCABULARY, (length,), generator=generator).tolist()
    sequences = [random_ids(length) for length in LENGTHS]
    size = model.config.n_embd
    cases = [
        gradient(model, random_ids(9), 4, random_ids(1), torch.zeros(size)),
        gradient(model, random_ids(14), 3, random_ids(3), torch.randn(size, generator=generator)),
        gradient(model, random_ids(6), 5, random_ids(1), torch.randn(size, generator=generator)),
    ]
    text = "The capital of São Tomé is\n"
    write_json(
        GOLDENS / "tiny-gpt2.json",
        {
            "tokens": {"text": text, "ids": tokenizer.encode(text).ids},
            "logitStride": LOGIT_STRIDE,
            "sequences": [activations(model, ids) for ids in sequences],
            "gradients": cases,
        },
    )


if __name__ == "__main__":
    main()
