#!/usr/bin/env python3
"""A small random model of any family of `transformers`, and its golden activations, gradients and edit.

Writes config.json and float32 weights into models/family-NAME/, and goldens/family-NAME.json. The weights are far larger than a trained
model's, so that every part of a block changes the logits. There is no tokenizer: rows are random ids.

    python tests/reference/family_oracle.py --config tests/reference/data/families/gpt2.json --name gpt2
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

from common import GOLDENS, REFERENCE
from common import first, hooks, numbers, record_input, record_output, write_json

SEED = 11
WEIGHT_STD = 0.25
NORM_SPREAD = 0.1
LENGTHS = [1, 5, 19]
LOGIT_STRIDE = 6
EDIT_RANK = 2
# Every entry of ΔW is then about as large as the weight it is added to.
EDIT_STD = 0.5


@dataclass
class Places:
    """Where a family keeps what is tapped: paths of modules, below the model and below a block.

    `attention` and `mlp` are the modules whose outputs are added to the residual stream; dropout does nothing here.
    """

    blocks: str
    attention: str
    mlp: str
    projection: str


LLAMA = Places("model.layers", "self_attn", "mlp", "mlp.down_proj")
# What attention and the MLP make is normalised before it is added.
GEMMA = Places("model.layers", "post_attention_layernorm", "post_feedforward_layernorm", "mlp.down_proj")

PLACES = {
    "gpt2": Places("transformer.h", "attn", "mlp", "mlp.c_proj"),
    "gpt_neo": Places("transformer.h", "attn", "mlp", "mlp.c_proj"),
    "gptj": Places("transformer.h", "attn", "mlp", "mlp.fc_out"),
    "gpt_neox": Places("gpt_neox.layers", "attention", "mlp", "mlp.dense_4h_to_h"),
    # No module holds the MLP: its last layer's output, [batch · sequence, D], is what is added.
    "opt": Places("model.decoder.layers", "self_attn", "fc2", "fc2"),
    "llama": LLAMA,
    "mistral": LLAMA,
    "qwen2": LLAMA,
    "qwen3": LLAMA,
    "phi3": LLAMA,
    "gemma2": GEMMA,
    "gemma3_text": GEMMA,
}


def make_model(fields, generator):
    """The model that a config.json asks for, in float32, with weights that are drawn."""
    fields = dict(fields)
    config = AutoConfig.for_model(fields.pop("model_type"), **fields)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager")
    norm_weights = {
        id(parameter)
        for module in model.modules()
        if "Norm" in type(module).__name__
        for name, parameter in module.named_parameters(recurse=False)
        if name == "weight"
    }
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if id(parameter) in norm_weights:
                # Made as 1, or as 0 where the family multiplies by 1 + weight.
                parameter.add_(NORM_SPREAD * noise)
            else:
                parameter.copy_(WEIGHT_STD * noise)
    return model.eval().requires_grad_(False)


class Taps:
    """The tapped modules of a model, and what passed through them."""

    def __init__(self, model):
        self.model = model
        self.places = PLACES[model.config.model_type]
        self.blocks = list(model.get_submodule(self.places.blocks))

    def projection(self, layer):
        return self.blocks[layer].get_submodule(self.places.projection)

    def run(self, ids):
        """Logits [sequence, V], and per layer what the block makes of the last token."""
        store = {}
        handles = []
        for layer, block in enumerate(self.blocks):
            handles += [
                record_output(block, store, ("output", layer)),
                record_input(self.projection(layer), store, ("key", layer)),
                record_output(block.get_submodule(self.places.mlp), store, ("mlp", layer)),
                record_output(block.get_submodule(self.places.attention), store, ("attention", layer)),
            ]
        with hooks(*handles), torch.no_grad():
            logits = self.model(torch.tensor([ids]), use_cache=False).logits[0]
        last = lambda name, layer: store[name, layer].flatten(0, -2)[-1]
        layers = [
            {name: last(name, layer) for name in ("output", "key", "mlp", "attention")}
            for layer in range(len(self.blocks))
        ]
        return logits, layers


def activations(taps, ids):
    logits, layers = taps.run(ids)
    return {
        "ids": ids,
        "spread": numbers(logits.amax(-1) - logits.amin(-1), 6),
        "strided": numbers(logits[:, ::LOGIT_STRIDE], 7),
        "logits": numbers(logits[-1]),
        "layers": [{name: numbers(value) for name, value in layer.items()} for layer in layers],
    }


def gradient(taps, ids, layer, token, targets, delta):
    """Gradient of the targets' NLL with respect to a delta added to a block's output at `token`.

    `ids` ends with the targets but the last one, as in an edit; the NLL is the mean over the targets.
    """
    delta = delta.clone().requires_grad_(True)

    def add_delta(_module, _inputs, output):
        hidden = first(output).clone()
        hidden[0, token] += delta
        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

    with hooks(taps.blocks[layer].register_forward_hook(add_delta)):
        logits = taps.model(torch.tensor([ids]), use_cache=False).logits[0, -len(targets) :]
    nll = torch.nn.functional.cross_entropy(logits, torch.tensor(targets))
    nll.backward()
    return {
        "ids": ids,
        "layer": layer,
        "token": token,
        "targets": targets,
        "delta": numbers(delta),
        "nll": numbers(nll.item()),
        "gradient": numbers(delta.grad),
    }


def edit(taps, ids, layer, generator):
    """What the model says with ΔW = leftᵀ·right, [D, F], added to a layer's output projection; the weight is put back."""
    projection = taps.projection(layer)
    stored = projection.weight
    transposed = isinstance(projection, Conv1D)
    out_size, in_size = reversed(stored.shape) if transposed else stored.shape
    left = EDIT_STD * torch.randn(EDIT_RANK, out_size, generator=generator)
    right = EDIT_STD * torch.randn(EDIT_RANK, in_size, generator=generator)
    delta = left.T @ right
    before = stored.clone()
    stored += delta.T if transposed else delta
    logits, layers = taps.run(ids)
    stored.copy_(before)
    return {
        "ids": ids,
        "layer": layer,
        "left": numbers(left),
        "right": numbers(right),
        "mlp": numbers(layers[layer]["mlp"]),
        "logits": numbers(logits[-1]),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", required=True, type=Path, help="a config.json, with model_type")
    parser.add_argument("--name", required=True, help="of the golden and the model's folder")
    options = parser.parse_args()

    fields = json.loads(options.config.read_text(encoding="utf-8"))
    if fields["model_type"] not in PLACES:
        parser.error(f"PLACES does not say where a {fields['model_type']} model keeps its modules")
    generator = torch.Generator().manual_seed(SEED)
    model = make_model(fields, generator)
    folder = REFERENCE / "models" / f"family-{options.name}"
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)

    taps = Taps(model)
    config = model.config
    random_ids = lambda length: torch.randint(config.vocab_size, (length,), generator=generator).tolist()
    sequences = [random_ids(length) for length in [*LENGTHS, config.max_position_embeddings]]
    delta = lambda: torch.randn(config.hidden_size, generator=generator)
    last = config.num_hidden_layers - 1
    cases = [
        gradient(taps, random_ids(9), 0, 4, random_ids(1), torch.zeros(config.hidden_size)),
        gradient(taps, random_ids(14), last - 1, 10, random_ids(3), delta()),
    ]
    write_json(
        GOLDENS / f"family-{options.name}.json",
        {
            "config": options.config.resolve().relative_to(REFERENCE.resolve()).as_posix(),
            "logitStride": LOGIT_STRIDE,
            "sequences": [activations(taps, ids) for ids in sequences],
            "gradients": cases,
            "edits": [edit(taps, random_ids(7), 1, generator)],
        },
    )


if __name__ == "__main__":
    main()
