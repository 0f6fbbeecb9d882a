#!/usr/bin/env python3
"""The logit lens (nostalgebraist 2020) of the small random models, as an oracle: final norm and head of `transformers` on the output of every block.

    python tests/reference/lens_oracle.py --models gpt2,gptj,opt,llama,gemma2 --out tests/reference/goldens/lens.json
"""

import argparse

import torch
from transformers import AutoModelForCausalLM

from common import REFERENCE, hooks, numbers, record_input, record_output, write_json
from family_oracle import Taps

SEED = 5
LENGTH = 9
TOP = 5
ASKED = 3


def final_norm(model, blocks):
    """The module between the last block and the head: the norm that is run after the blocks."""
    names = {"ln_f", "norm", "final_layer_norm"}
    found = [module for name, module in model.named_modules() if name.split(".")[-1] in names]
    inside = {id(module) for block in blocks for module in block.modules()}
    (norm,) = [module for module in found if id(module) not in inside]
    return norm


def lens_of(name, generator):
    model = AutoModelForCausalLM.from_pretrained(
        REFERENCE / "models" / f"family-{name}", dtype=torch.float32, attn_implementation="eager"
    ).eval()
    blocks = Taps(model).blocks
    norm = final_norm(model, blocks)
    vocabulary = model.config.vocab_size
    ids = torch.randint(0, vocabulary, (LENGTH,), generator=generator)
    asked = torch.randperm(vocabulary, generator=generator)[:ASKED]
    store = {}
    taps = [record_output(block, store, layer) for layer, block in enumerate(blocks)]
    with torch.no_grad(), hooks(*taps, record_input(norm, store, "last")):
        logits = model(ids[None]).logits[0]
    assert torch.equal(store["last"][0], store[len(blocks) - 1][0])
    cells = []
    for layer in range(len(blocks)):
        with torch.no_grad():
            read = model.get_output_embeddings()(norm(store[layer][0]))
            cap = getattr(model.config, "final_logit_softcapping", None)
            if cap is not None:
                read = torch.tanh(read / cap) * cap
        if layer == len(blocks) - 1:
            assert torch.allclose(read, logits, atol=1e-5)
        logs = read.double().log_softmax(-1)
        values, best = logs.topk(TOP)
        cells.append(
            {
                "top": best.tolist(),
                "logprobs": numbers(values),
                "asked": numbers(logs[:, asked]),
                "ranks": [(logs > logs[:, token, None]).sum(-1).tolist() for token in asked.tolist()],
            }
        )
    return {"name": name, "ids": ids.tolist(), "asked": asked.tolist(), "layers": cells}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", required=True, help="families of tests/reference/models, with commas between")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    generator = torch.Generator().manual_seed(SEED)
    write_json(arguments.out, {"models": [lens_of(name, generator) for name in arguments.models.split(",")]})


if __name__ == "__main__":
    main()
