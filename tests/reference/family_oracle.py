#!/usr/bin/env python3
"""A small random model of any family of `transformers`, and its golden activations, gradients, edits, run of MEMIT and causal trace.

Writes config.json and float32 weights into models/family-NAME/, and goldens/family-NAME.json. The weights are far larger than a trained
model's, so that every part of a block changes the logits. There is no tokenizer: rows are random ids.

    python tests/reference/family_oracle.py --config tests/reference/data/families/gpt2.json --name gpt2
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy
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

# MEMIT on ids instead of texts (github.com/kmeng01/memit): few steps, so that what rounding does to Adam's does not add up.
MEMIT = {
    "layers": [0, 1],
    "steps": 6,
    "learningRate": 0.2,
    "weightDecay": 0.5,
    "clampNormFactor": 0.3,
    "klFactor": 0.0625,
    "covarianceWeight": 10,
}
LOSS_THRESHOLD = 5e-2
DOCUMENTS = 16
# Of each edit: tokens of its prompt, the one that is looked up, tokens before the prompt in each context, and of the target.
PROMPTS = [
    {"length": 6, "lookup": 2, "before": [0, 3, 4], "target": 2},
    {"length": 5, "lookup": 3, "before": [0, 2, 5], "target": 1},
]

TRACE_LENGTH = 7
TRACE_SUBJECT = [2, 4]
TRACE_SAMPLES = 3
TRACE_WINDOW = 2


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


class Memit:
    """The reference's algorithm, a row at a time, so that nothing is padded."""

    def __init__(self, taps, generator):
        self.taps = taps
        self.blocks = taps.blocks
        self.z_layer = MEMIT["layers"][-1]
        size = taps.model.config.vocab_size
        draw = lambda length: torch.randint(size, (length,), generator=generator).tolist()
        self.documents = [draw(taps.model.config.max_position_embeddings) for _ in range(DOCUMENTS)]
        self.edits = []
        for prompt in PROMPTS:
            ids = draw(prompt["length"])
            rows = [{"ids": draw(before) + ids, "lookup": before + prompt["lookup"]} for before in prompt["before"]]
            kl = {"ids": ids[: prompt["lookup"] + 1] + draw(2), "lookup": prompt["lookup"]}
            self.edits.append({"contexts": rows, "kl": kl, "targetIds": draw(prompt["target"])})

    def log_probabilities(self, ids, lookup, delta):
        """After every token, with δ added to the z layer's output at the look-up token; and that output before."""
        store = {}

        def add_delta(_module, _inputs, output):
            hidden = first(output).clone()
            store["hidden"] = hidden[0, lookup].detach().clone()
            hidden[0, lookup] += delta
            return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

        with hooks(self.blocks[self.z_layer].register_forward_hook(add_delta)):
            logits = self.taps.model(torch.tensor([ids]), use_cache=False).logits[0]
        return logits.log_softmax(-1), store["hidden"]

    def target(self, edit):
        """z, and the losses on the way to it."""
        target, kl_row = edit["targetIds"], edit["kl"]
        delta = torch.zeros(self.taps.model.config.hidden_size, requires_grad=True)
        optimizer = torch.optim.Adam([delta], lr=MEMIT["learningRate"])
        before = None
        losses = []
        for step in range(MEMIT["steps"]):
            optimizer.zero_grad()
            each = []
            for row in edit["contexts"]:
                ids = row["ids"] + target[:-1]
                log_probs, hidden = self.log_probabilities(ids, row["lookup"], delta)
                initial = hidden if not each and step == 0 else initial
                each.append(-log_probs[-len(target) :].gather(1, torch.tensor([target]).T).mean())
            after = self.log_probabilities(kl_row["ids"], kl_row["lookup"], delta)[0][kl_row["lookup"]]
            before = after.detach() if before is None else before
            loss = torch.stack(each).mean()
            loss = loss + MEMIT["klFactor"] * (after.exp() * (after - before)).sum()
            loss = loss + MEMIT["weightDecay"] * delta.norm() / initial.norm() ** 2
            losses.append(numbers(loss.item()))
            if loss < LOSS_THRESHOLD or step == MEMIT["steps"] - 1:
                break
            loss.backward()
            optimizer.step()
            limit = MEMIT["clampNormFactor"] * initial.norm()
            with torch.no_grad():
                if delta.norm() > limit:
                    delta.mul_(limit / delta.norm())
        return initial + delta.detach(), {"losses": losses, "delta": numbers(delta)}

    def at_lookup(self, row, register):
        store = {}
        with hooks(register(store)), torch.no_grad():
            self.taps.model(torch.tensor([row["ids"]]), use_cache=False)
        return store["value"].reshape(len(row["ids"]), -1)[row["lookup"]]

    def key(self, edit, layer):
        """Mean over {plain prompt, mean over the other contexts}."""
        register = lambda store: record_input(self.taps.projection(layer), store, "value")
        plain, *others = [self.at_lookup(row, register) for row in edit["contexts"]]
        return (plain + torch.stack(others).mean(0)) / 2

    def state(self, edit):
        register = lambda store: record_output(self.blocks[self.z_layer], store, "value")
        return self.at_lookup(edit["contexts"][0], register)

    def second_moment(self, layer):
        store = {}
        total = 0
        with hooks(record_input(self.taps.projection(layer), store, "value")), torch.no_grad():
            for ids in self.documents:
                self.taps.model(torch.tensor([ids]), use_cache=False)
                keys = store["value"].reshape(len(ids), -1).double()
                total = total + keys.T @ keys
        return total / sum(map(len, self.documents))

    def run(self):
        """Edits the model, and puts it back."""
        moments = {layer: self.second_moment(layer) for layer in MEMIT["layers"]}
        found = [self.target(edit) for edit in self.edits]
        targets = torch.stack([z for z, _ in found], dim=1)
        kept = {layer: self.taps.projection(layer).weight.clone() for layer in MEMIT["layers"]}
        layers = []
        for i, layer in enumerate(MEMIT["layers"]):
            keys = torch.stack([self.key(edit, layer) for edit in self.edits], dim=1).double()
            residual = (targets - torch.stack([self.state(edit) for edit in self.edits], dim=1)).double()
            matrix = MEMIT["covarianceWeight"] * moments[layer] + keys @ keys.T
            update = residual / (len(MEMIT["layers"]) - i) @ torch.linalg.solve(matrix, keys).T
            projection = self.taps.projection(layer)
            projection.weight += (update.T if isinstance(projection, Conv1D) else update).float()
            # The product with a fixed vector, v_j = sin(j + 1), tells of every entry.
            probe = torch.arange(1, update.shape[1] + 1, dtype=torch.float64).sin()
            layers.append({"layer": layer, "updateNorm": numbers(update.norm()), "updateProbe": numbers(update @ probe)})
        logits = [self.taps.run(edit["contexts"][0]["ids"])[0][-1] for edit in self.edits]
        for layer, weight in kept.items():
            self.taps.projection(layer).weight.copy_(weight)
        return {
            "settings": MEMIT,
            "documents": self.documents,
            "edits": [{**edit, **record} for edit, (_, record) in zip(self.edits, found)],
            "layers": layers,
            "logits": numbers(logits),
        }


class Trace:
    """The reference's causal trace (github.com/kmeng01/rome), one whole pass for every restored state."""

    def __init__(self, taps, ids):
        self.taps = taps
        self.ids = ids
        self.places = {"mlp": taps.places.mlp, "attention": taps.places.attention}
        self.noise = 3 * taps.model.get_input_embeddings()(torch.tensor(ids[slice(*TRACE_SUBJECT)])).std().item()

    def part(self, name, layer):
        return self.taps.blocks[layer].get_submodule(self.places[name])

    def probabilities(self, patches):
        """Of the token after the prompt: row 0 runs clean, the others with noise on the subject's embeddings."""
        start, end = TRACE_SUBJECT
        rows = TRACE_SAMPLES + 1
        width = self.taps.model.config.hidden_size
        draw = torch.from_numpy(self.noise * numpy.random.RandomState(1).randn(TRACE_SAMPLES, end - start, width))

        def patched(change):
            def hook(_module, _inputs, output):
                state = first(output).clone(memory_format=torch.contiguous_format)
                change(state.view(rows, len(self.ids), width))
                return (state, *output[1:]) if isinstance(output, tuple) else state

            return hook

        def corrupt(state):
            state[1:, start:end] += draw.float()

        handles = [self.taps.model.get_input_embeddings().register_forward_hook(patched(corrupt))]
        handles += [module.register_forward_hook(patched(change)) for module, change in patches]
        with hooks(*handles), torch.no_grad():
            logits = self.taps.model(torch.tensor([self.ids] * rows), use_cache=False).logits[:, -1]
        return logits.softmax(-1)

    def run(self):
        count = len(self.taps.blocks)
        kept = {}
        keep = lambda module: (module, lambda state: kept.__setitem__(module, state.clone()))
        modules = [self.part(name, layer) for layer in range(count) for name in self.places]
        plain = self.probabilities([keep(module) for module in modules])
        answer = plain[0].argmax().item()

        restored = lambda module, token: (module, lambda state: state[1:, token].copy_(state[0, token]))
        frozen = lambda module, token: (module, lambda state: state[1:, token].copy_(kept[module][1:, token]))
        hidden = lambda token, layer: [restored(self.taps.blocks[layer], token)]

        def windowed(name):
            around = lambda layer: range(max(0, layer - TRACE_WINDOW // 2), min(count, layer - (-TRACE_WINDOW // 2)))
            return lambda token, layer: [restored(self.part(name, each), token) for each in around(layer)]

        def severed(name):
            return lambda token, layer: [frozen(self.part(name, each), token) for each in range(count)] + hidden(token, layer)

        def scores(patches):
            mean = lambda token, layer: self.probabilities(patches(token, layer))[1:, answer].mean().item()
            return [[numbers(mean(token, layer)) for layer in range(count)] for token in range(len(self.ids))]

        return {
            "ids": self.ids,
            "subject": TRACE_SUBJECT,
            "samples": TRACE_SAMPLES,
            "window": TRACE_WINDOW,
            "noise": self.noise,
            "answer": answer,
            "high": numbers(plain[0, answer]),
            "low": numbers(plain[1:, answer].mean()),
            "grids": [
                {"kind": "hidden", "severed": "none", "scores": scores(hidden)},
                *({"kind": name, "severed": "none", "scores": scores(windowed(name))} for name in self.places),
                *({"kind": "hidden", "severed": name, "scores": scores(severed(name))} for name in self.places),
            ],
        }


def check_loads(folder, model, ids):
    """`transformers` finds in the folder every weight of the model, none besides, and says the same."""
    loaded, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    tied = {"lm_head.weight"} if model.config.tie_word_embeddings else set()
    faults = {name: sorted(map(str, found)) for name, found in info.items() if set(found) - tied}
    with torch.no_grad():
        same = torch.equal(loaded.eval()(torch.tensor([ids])).logits, model(torch.tensor([ids])).logits)
    if faults or not same:
        sys.exit(f"{folder} does not give the model back: {faults}")


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

    # Read and written by anyone, as the rest of the repository.
    (folder / "model.safetensors").chmod(0o644)

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
    check_loads(folder, model, sequences[-1])
    write_json(
        GOLDENS / f"family-{options.name}.json",
        {
            "config": options.config.resolve().relative_to(REFERENCE.resolve()).as_posix(),
            "logitStride": LOGIT_STRIDE,
            "sequences": [activations(taps, ids) for ids in sequences],
            "gradients": cases,
            "edits": [edit(taps, random_ids(7), 1, generator)],
            "memit": Memit(taps, generator).run(),
            "trace": Trace(taps, random_ids(TRACE_LENGTH)).run(),
        },
    )


if __name__ == "__main__":
    main()
