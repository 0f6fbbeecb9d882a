#!/usr/bin/env python3
"""PyTorch's side of bench:model: the reference's way of opening a model, taking statistics, tracing and editing, timed.

As the reference does it (github.com/kmeng01/memit: rome/layer_stats.py, compute_z.py, memit_main.py; github.com/kmeng01/rome: causal_trace.py): whole rows
through the whole model at every step, one edit at a time, solves in float64. Rows come as token ids. Prints seconds as JSON. Needs
tests/reference/requirements.txt.

    python tools/model-peer/torch_model.py --model DIR --work work.json --threads 2
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "reference"))
from common import first, hooks, record_input, record_output  # noqa: E402
from family_oracle import PLACES  # noqa: E402

LOSS_THRESHOLD = 5e-2


class Peer:
    def __init__(self, folder, settings):
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
        self.model = self.model.eval().requires_grad_(False)
        self.places = PLACES[self.model.config.model_type]
        self.blocks = list(self.model.get_submodule(self.places.blocks))
        self.settings = settings

    def projection(self, layer):
        return self.blocks[layer].get_submodule(self.places.projection)

    def forward(self, rows):
        width = max(map(len, rows))
        ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
        return self.model(input_ids=ids, attention_mask=mask, use_cache=False).logits

    def moments(self, documents):
        """C of every edited layer over documents, each by itself."""
        layers = self.settings["layers"]
        sums, store = dict.fromkeys(layers, 0), {}
        with hooks(*(record_input(self.projection(layer), store, layer) for layer in layers)), torch.no_grad():
            for ids in documents:
                # The head is not needed: the base model runs alone.
                self.model.base_model(torch.tensor([ids]), use_cache=False)
                for layer in layers:
                    keys = store[layer].reshape(len(ids), -1)
                    sums[layer] = sums[layer] + keys.T @ keys
        return {layer: total.double() / sum(map(len, documents)) for layer, total in sums.items()}

    def trace(self, ids, subject, answer, noise, samples):
        """Restores every hidden state by itself, in runs whose subject is corrupted: a pass of all rows for every state."""
        clean = {}
        with hooks(*(record_output(block, clean, i) for i, block in enumerate(self.blocks))), torch.no_grad():
            self.forward([ids])
        begin, end = subject
        generator = torch.Generator().manual_seed(1)
        size = self.model.config.hidden_size
        drawn = noise * torch.randn(samples, end - begin, size, generator=generator)

        def corrupt(_module, _inputs, output):
            hidden = output.clone()
            hidden[:, begin:end] += drawn
            return hidden

        embedding = self.model.get_input_embeddings()
        grid = []
        for token in range(len(ids)):
            for layer, block in enumerate(self.blocks):

                def restore(_module, _inputs, output):
                    hidden = first(output).clone()
                    hidden[:, token] = clean[layer][0, token]
                    return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

                with hooks(embedding.register_forward_hook(corrupt), block.register_forward_hook(restore)), torch.no_grad():
                    logits = self.forward([ids] * samples)[:, -1]
                grid.append(logits.softmax(-1)[:, answer].mean().item())
        return grid

    def target(self, edit):
        """z of an edit."""
        settings, target = self.settings, edit["target"]
        z_block = self.blocks[settings["layers"][-1]]
        rows = [row["ids"] + target[:-1] for row in edit["contexts"]] + [edit["kl"]["ids"]]
        lookups = [row["lookup"] for row in edit["contexts"]] + [edit["kl"]["lookup"]]
        delta = torch.zeros(self.model.config.hidden_size, requires_grad=True)
        optimizer = torch.optim.Adam([delta], lr=settings["learningRate"])
        initial, before = None, None

        def add(_module, _inputs, output):
            nonlocal initial
            hidden = first(output)
            if initial is None:
                initial = hidden[0, lookups[0]].detach().clone()
            hidden = hidden.clone()
            for row, index in enumerate(lookups):
                hidden[row, index] += delta
            return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

        for step in range(settings["steps"]):
            optimizer.zero_grad()
            with hooks(z_block.register_forward_hook(add)):
                log_probs = self.forward(rows).log_softmax(-1)
            each = []
            for row, context in enumerate(edit["contexts"]):
                places = torch.arange(len(context["ids"]) - 1, len(context["ids"]) - 1 + len(target))
                each.append(-log_probs[row, places, torch.tensor(target)].mean())
            after = log_probs[-1, lookups[-1]]
            before = after.detach() if before is None else before
            loss = torch.stack(each).mean() + settings["klFactor"] * (after.exp() * (after - before)).sum()
            loss = loss + settings["weightDecay"] * delta.norm() / initial.norm() ** 2
            if loss < LOSS_THRESHOLD or step == settings["steps"] - 1:
                break
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                limit = settings["clampNormFactor"] * initial.norm()
                if delta.norm() > limit:
                    delta.mul_(limit / delta.norm())
        return initial + delta.detach()

    def at_lookup(self, rows, register):
        store = {}
        with hooks(register(store)), torch.no_grad():
            self.forward([row["ids"] for row in rows])
        width = max(len(row["ids"]) for row in rows)
        values = store["value"].reshape(len(rows), width, -1)
        return torch.stack([values[row, found["lookup"]] for row, found in enumerate(rows)])

    def keys(self, edit, layer):
        states = self.at_lookup(edit["contexts"], lambda store: record_input(self.projection(layer), store, "value"))
        return (states[0] + states[1:].mean(0)) / 2 if len(states) > 1 else states[0]

    def edit(self, edits, moments):
        """Edits the model, and puts it back."""
        layers = self.settings["layers"]
        targets = torch.stack([self.target(edit) for edit in edits], dim=1)
        kept = {layer: self.projection(layer).weight.clone() for layer in layers}
        for i, layer in enumerate(layers):
            keys = torch.stack([self.keys(edit, layer) for edit in edits], dim=1).double()
            register = lambda store: record_output(self.blocks[layers[-1]], store, "value")
            states = torch.stack([self.at_lookup(edit["contexts"][:1], register)[0] for edit in edits], dim=1)
            residual = (targets - states).double() / (len(layers) - i)
            matrix = self.settings["covarianceWeight"] * moments[layer] + keys @ keys.T
            update = residual @ torch.linalg.solve(matrix, keys).T
            projection = self.projection(layer)
            projection.weight += (update.T if isinstance(projection, Conv1D) else update).float()
        for layer, weight in kept.items():
            self.projection(layer).weight.copy_(weight)


def timed(run):
    start = time.perf_counter()
    result = run()
    return result, time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--threads", required=True, type=int)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    work = json.loads(arguments.work.read_text(encoding="utf-8"))
    peer, opened = timed(lambda: Peer(arguments.model, work["settings"]))
    moments, statistics = timed(lambda: peer.moments(work["documents"]))
    trace = work["trace"]
    _, traced = timed(
        lambda: peer.trace(trace["ids"], trace["subject"], trace["answer"], trace["noise"], trace["samples"])
    )
    edits = {}
    for count in work["counts"]:
        with torch.enable_grad():
            _, edits[count] = timed(lambda: peer.edit(work["edits"][:count], moments))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"open": opened, "statistics": statistics, "trace": traced, "edits": edits, "peakMiB": peak}))


if __name__ == "__main__":
    main()
