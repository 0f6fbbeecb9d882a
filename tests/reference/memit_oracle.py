#!/usr/bin/env python3
"""MEMIT for GPT-2 models in PyTorch, as an oracle: float32 forward passes, float64 solves.

Follows the reference implementation (github.com/kmeng01/memit: memit_main, compute_z, compute_ks, and rome/repr_tools)
step by step, and writes down what happens at every step. The context templates and the statistics are given, so nothing
is drawn at random. Meng et al., "Mass-Editing Memory in a Transformer", ICLR 2023.

Checked once against the reference's own code (apply_memit_to_model, on the CPU, its hooks adapted to blocks that return a tensor) with the
same contexts and statistics: the updates agreed to 2e-6 relative.

    python tests/reference/memit_oracle.py --model public/models/demo \\
        --requests tests/reference/data/demo-requests.json --contexts tests/reference/data/contexts.json \\
        --prompts tests/reference/data/demo-prompts.json --compute-stats public/models/demo/statistics.txt \\
        --layers 0,1,2,3 --steps 25 --clamp 0.6 --lambda 200 --out tests/reference/goldens/demo-memit.json

The statistics are the second moment of the input of each layer's mlp.c_proj over a text: each line is a document,
tokenised without special tokens and cut to the model's context; all tokens count.
"""

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from common import first, hooks, load_model, load_tokenizer, numbers, record_input, record_output, top, write_json

LOSS_THRESHOLD = 5e-2
KL_PROMPT = "{} is a"
LOGIT_STRIDE = 61


class Editor:
    def __init__(self, model, tokenizer, contexts, settings):
        self.model = model
        self.tokenizer = tokenizer
        self.contexts = contexts
        self.settings = settings
        self.blocks = model.transformer.h
        self.z_layer = settings["layers"][-1]

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def locate(self, template, subject):
        """Ids of the filled template, and the index of the subject's last token."""
        before, after = template.split("{}")
        ids = self.encode(before + subject + after)
        prefix = self.encode(before[:-1])
        word = self.encode(f" {subject.strip()}" if before else subject)
        if before and before[-1] != " " or prefix + word + self.encode(after) != ids:
            sys.exit(f"The parts of “{template}” with “{subject}” do not fit together; choose another prompt.")
        return ids, len(prefix) + len(word) - 1

    def rows(self, request):
        """The prompt in every context, and where each row looks the fact up."""
        return [
            self.locate(context.replace("{}", request["prompt"]), request["subject"]) for context in self.contexts
        ]

    def forward(self, rows):
        """Logits of rows of token ids, padded on the right: [row, position, vocabulary]."""
        width = max(map(len, rows))
        ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
        return self.model(input_ids=ids, attention_mask=mask).logits

    def target_ids(self, request):
        text = request["target_new"]["str"]
        return self.encode(text if text.startswith(" ") else f" {text}")

    def compute_z(self, request):
        """The hidden state at the z layer that makes the model say the new object (reference: compute_z)."""
        settings = self.settings
        located = self.rows(request)
        kl_ids, kl_lookup = self.locate(KL_PROMPT, request["subject"])
        target = self.target_ids(request)
        rows = [ids + target[:-1] for ids, _ in located] + [kl_ids]
        lookups = [index for _, index in located] + [kl_lookup]
        count = len(located)

        delta = torch.zeros(self.model.config.n_embd, requires_grad=True)
        initial = {}

        def add_delta(_module, _inputs, output):
            hidden = first(output)
            initial.setdefault("hidden", hidden[0, lookups[0]].detach().clone())
            hidden = hidden.clone()
            for row, index in enumerate(lookups):
                hidden[row, index] += delta
            return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

        optimizer = torch.optim.Adam([delta], lr=settings["learning_rate"])
        kl_initial = None
        steps = []
        for step in range(settings["steps"]):
            optimizer.zero_grad()
            with hooks(self.blocks[self.z_layer].register_forward_hook(add_delta)):
                log_probs = self.forward(rows).log_softmax(-1)
            nll_each = []
            for row, (ids, _) in enumerate(located):
                positions = torch.arange(len(ids) - 1, len(ids) - 1 + len(target))
                nll_each.append(-log_probs[row, positions, torch.tensor(target)].sum() / len(target))
            nll = torch.stack(nll_each).mean()
            kl_log_probs = log_probs[count, kl_lookup]
            if kl_initial is None:
                kl_initial = kl_log_probs.detach().clone()
            # KL(p_δ ‖ p₀): the reference gives kl_div the log-probabilities before δ as input, those after as target.
            kl = settings["kl_factor"] * (kl_log_probs.exp() * (kl_log_probs - kl_initial)).sum()
            h0_norm = initial["hidden"].norm()
            decay = settings["weight_decay"] * delta.norm() / h0_norm**2
            loss = nll + kl + decay
            terms = {"loss": loss, "nll": nll, "kl": kl, "decay": decay, "deltaNorm": delta.norm()}
            steps.append({name: numbers(term) for name, term in terms.items()})
            if loss < LOSS_THRESHOLD or step == settings["steps"] - 1:
                break
            loss.backward()
            optimizer.step()
            limit = settings["clamp"] * h0_norm
            with torch.no_grad():
                if delta.norm() > limit:
                    delta.mul_(limit / delta.norm())

        record = {
            "prompt": request["prompt"],
            "subject": request["subject"],
            "targetNew": request["target_new"]["str"],
            "targetIds": target,
            "ids": [ids for ids, _ in located],
            "lookup": [index for _, index in located],
            "klIds": kl_ids,
            "klLookup": kl_lookup,
            "steps": steps,
            "h0Norm": numbers(initial["hidden"].norm()),
            "deltaNorm": numbers(delta.norm()),
            "delta": numbers(delta),
        }
        return initial["hidden"] + delta.detach(), record

    def at_lookup(self, rows, handle):
        """What `handle(store)` records, at each row's look-up token: [row, size]."""
        store = {}
        with hooks(handle(store)), torch.no_grad():
            self.forward([ids for ids, _ in rows])
        return torch.stack([store["value"][row, index] for row, (_, index) in enumerate(rows)])

    def keys(self, requests, layer):
        """K, [F, u]: per edit the mean over {plain prompt, mean over the other contexts} (reference: compute_ks)."""
        projection = self.blocks[layer].mlp.c_proj
        columns = []
        for request in requests:
            states = self.at_lookup(self.rows(request), lambda store: record_input(projection, store, "value"))
            groups = [states[:1], states[1:]]
            columns.append(torch.stack([group.mean(0) for group in groups if len(group)]).mean(0))
        return torch.stack(columns, dim=1)

    def z_states(self, requests):
        """H, [D, u]: present output of the z layer at the look-up token of the plain prompts."""
        rows = [self.rows(request)[0] for request in requests]
        return self.at_lookup(rows, lambda store: record_output(self.blocks[self.z_layer], store, "value")).T

    def spread(self, requests, z, moments):
        """Edits the model's layers one after the other; yields what happened at each."""
        layers = self.settings["layers"]
        for i, layer in enumerate(layers):
            keys = self.keys(requests, layer)
            remaining = z - self.z_states(requests)
            keys64 = keys.double()
            matrix = self.settings["lambda"] * moments[layer].double() + keys64 @ keys64.T
            adjusted = torch.linalg.solve(matrix, keys64)
            residual = remaining.double() / (len(layers) - i)
            update = residual @ adjusted.T
            weight = self.blocks[layer].mlp.c_proj.weight
            weight_norm = weight.norm()
            with torch.no_grad():
                weight += update.T.float()
            yield {
                "layer": layer,
                "weightNorm": numbers(weight_norm),
                "updateNorm": numbers(update.norm()),
                "remainingNorms": numbers(remaining.norm(dim=0)),
                "relativeResidual": numbers((torch.linalg.norm(matrix @ adjusted - keys64) / keys64.norm()).item()),
                "keyNorms": numbers(keys.norm(dim=0)),
                "keyHeads": numbers(keys[:8].T),
                "keyProbes": numbers(keys64.T @ probe(keys64.shape[0])),
                "residualProbes": numbers(residual.T @ probe(residual.shape[0])),
                "adjustedProbes": numbers(adjusted.T @ probe(adjusted.shape[0])),
                "updateCorner": numbers(update[:4, :8]),
                "updateProbe": numbers(update @ probe(update.shape[1])),
            }

    def logits(self, prompt):
        with torch.no_grad():
            return self.forward([self.encode(prompt)])[0, -1]

    def predict(self, prompt):
        return top(self.logits(prompt).log_softmax(-1), self.tokenizer)


def probe(size):
    """A fixed vector to multiply a matrix with: v_j = sin(j + 1). Its product tells of every entry."""
    return torch.arange(1, size + 1, dtype=torch.float64).sin()


def second_moments(editor, path, layers):
    """C = Σ k kᵀ / count per layer, in float64, with the numbers of documents and tokens."""
    context = editor.model.config.n_positions
    documents = [editor.encode(line)[:context] for line in Path(path).read_text(encoding="utf-8").split("\n")]
    documents = [ids for ids in documents if ids]
    size = editor.blocks[0].mlp.c_proj.weight.shape[0]
    sums = {layer: torch.zeros(size, size, dtype=torch.float64) for layer in layers}
    store = {}
    handles = [record_input(editor.blocks[layer].mlp.c_proj, store, layer) for layer in layers]
    with hooks(*handles), torch.no_grad():
        for ids in documents:
            editor.model.transformer(torch.tensor([ids]))
            for layer in layers:
                keys = store[layer][0].double()
                sums[layer] += keys.T @ keys
    tokens = sum(map(len, documents))
    return {layer: total / tokens for layer, total in sums.items()}, len(documents), tokens


def describe_moment(moment):
    vector = probe(moment.shape[0])
    return {
        "norm": numbers(moment.norm()),
        "trace": numbers(moment.trace()),
        "corner": numbers(moment[:4, :4]),
        "probe": numbers((moment.double() @ vector)[:16]),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--requests", required=True, help='JSON [{"prompt", "subject", "target_new": {"str"}}]')
    parser.add_argument("--contexts", required=True, help='JSON list of templates with {}, the first being "{}"')
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--stats", help="safetensors file written with --save-stats")
    source.add_argument("--compute-stats", metavar="TEXT")
    parser.add_argument("--save-stats", help="where to keep the second moments (tensors layer.N, F×F, float32)")
    parser.add_argument("--prompts", help="JSON list of prompts to predict before and after")
    parser.add_argument("--layers", required=True, type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--lr", type=float, default=0.5)
    parser.add_argument("--decay", type=float, default=0.5)
    parser.add_argument("--clamp", type=float, default=0.75)
    parser.add_argument("--kl", type=float, default=0.0625)
    parser.add_argument("--lambda", dest="covariance_weight", type=float, default=20_000)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()

    read = lambda path: json.loads(Path(path).read_text(encoding="utf-8"))
    requests, contexts = read(arguments.requests), read(arguments.contexts)
    settings = {
        "layers": arguments.layers,
        "steps": arguments.steps,
        "learning_rate": arguments.lr,
        "weight_decay": arguments.decay,
        "clamp": arguments.clamp,
        "kl_factor": arguments.kl,
        "lambda": arguments.covariance_weight,
    }
    editor = Editor(load_model(arguments.model), load_tokenizer(arguments.model), contexts, settings)

    if arguments.stats:
        loaded = load_file(arguments.stats)
        moments = {layer: loaded[f"layer.{layer}"] for layer in arguments.layers}
        statistics = {"file": Path(arguments.stats).name}
    else:
        moments, documents, tokens = second_moments(editor, arguments.compute_stats, arguments.layers)
        digest = hashlib.sha256(Path(arguments.compute_stats).read_bytes()).hexdigest()
        name = Path(arguments.compute_stats).name
        statistics = {"text": name, "sha256": digest, "documents": documents, "tokens": tokens}
    if arguments.save_stats:
        save_file({f"layer.{layer}": moment.float() for layer, moment in moments.items()}, arguments.save_stats)

    prompts = read(arguments.prompts) if arguments.prompts else []
    prompts = [request["prompt"].replace("{}", request["subject"]) for request in requests] + prompts
    before = [editor.predict(prompt) for prompt in prompts]
    start = time.perf_counter()
    targets = [editor.compute_z(request) for request in requests]
    optimised = time.perf_counter()
    layers = list(editor.spread(requests, torch.stack([z for z, _ in targets], dim=1), moments))
    print(f"targets {optimised - start:.2f} s, spread {time.perf_counter() - optimised:.2f} s", file=sys.stderr)
    write_json(
        arguments.out,
        {
            "settings": {
                "layers": arguments.layers,
                "steps": arguments.steps,
                "learningRate": arguments.lr,
                "weightDecay": arguments.decay,
                "clampNormFactor": arguments.clamp,
                "klFactor": arguments.kl,
                "covarianceWeight": arguments.covariance_weight,
            },
            "contexts": contexts,
            "statistics": {
                **statistics,
                "moments": [{"layer": layer, **describe_moment(moments[layer])} for layer in arguments.layers],
            },
            "edits": [record for _, record in targets],
            "layers": layers,
            "logitStride": LOGIT_STRIDE,
            "predictions": [
                {
                    "prompt": prompt,
                    "before": old,
                    "after": editor.predict(prompt),
                    "logits": numbers(editor.logits(prompt)[::LOGIT_STRIDE], 6),
                }
                for prompt, old in zip(prompts, before)
            ],
        },
    )


if __name__ == "__main__":
    main()
