#!/usr/bin/env python3
"""Causal traces of GPT-2 models in PyTorch, as an oracle: one whole pass for every restored state.

Follows the reference (github.com/kmeng01/rome: experiments/causal_trace.py, and notebooks/causal_trace_frozen_mlp_attn.ipynb for
the severed ones): row 0 of a batch runs clean, the rows after it with noise on the subject's embeddings; states are copied from row
0. The noise is numpy.random.RandomState(1)'s, and the same in every pass. Meng et al., "Locating and Editing Factual Associations in
GPT", NeurIPS 2022, section 2.

    python tests/reference/trace_oracle.py --model public/models/demo --facts tests/reference/data/demo-trace.json \\
        --out tests/reference/goldens/demo-trace.json
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy
import torch

from common import first, hooks, load_model, load_tokenizer, numbers, write_json

PARTS = {"mlp": "mlp", "attention": "attn"}


class Tracer:
    def __init__(self, model, tokenizer, samples, window):
        self.model = model
        self.tokenizer = tokenizer
        self.samples = samples
        self.window = window
        self.blocks = model.transformer.h

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False)

    def locate(self, template, subject):
        """Ids of the filled template, and the range of the tokens that hold characters of the subject."""
        start = template.index("{}")
        end = start + len(subject)
        encoding = self.encode(template.replace("{}", subject))
        tokens = [i for i, (a, b) in enumerate(encoding.offsets) if a < end and b > start]
        return encoding.ids, tokens[0], tokens[-1] + 1

    def subject_noise(self, subjects):
        """Three times the standard deviation of the subjects' token embeddings, each subject by itself."""
        rows = [self.model.transformer.wte(torch.tensor(self.encode(subject).ids)) for subject in subjects]
        return 3 * torch.cat(rows).std().item()

    def run(self, ids, subject, noise, patches):
        """Next-token probabilities of all rows, the clean one first; `patches` are [(module, function of its output)], applied in order."""
        generator = numpy.random.RandomState(1)
        draw = torch.from_numpy(noise * generator.randn(self.samples, subject[1] - subject[0], self.model.config.n_embd))

        def corrupt(_module, _inputs, output):
            output = output.clone()
            output[1:, subject[0] : subject[1]] += draw.float()
            return output

        def patched(change):
            def hook(_module, _inputs, output):
                state = first(output).clone()
                change(state)
                return (state, *output[1:]) if isinstance(output, tuple) else state

            return hook

        handles = [self.model.transformer.wte.register_forward_hook(corrupt)]
        handles += [module.register_forward_hook(patched(change)) for module, change in patches]
        with hooks(*handles), torch.no_grad():
            logits = self.model(input_ids=torch.tensor([ids] * (self.samples + 1))).logits[:, -1]
        return logits.softmax(-1)

    def trace(self, template, subject_text, noise):
        ids, *subject = self.locate(template, subject_text)
        kept = {}

        def keep(module):
            return module, lambda state: kept.__setitem__(module, state.clone())

        parts = [getattr(block, name) for block in self.blocks for name in PARTS.values()]
        probabilities = self.run(ids, subject, noise, [keep(module) for module in parts])
        answer = probabilities[0].argmax().item()

        def grid(patches):
            """Mean probability of the answer and the most likely token, [token][layer], of the patches(token, layer)."""
            scores, says = [], []
            for token in range(len(ids)):
                means = [self.run(ids, subject, noise, patches(token, layer))[1:].mean(0) for layer in range(len(self.blocks))]
                scores.append([numbers(mean[answer]) for mean in means])
                says.append([mean.argmax().item() for mean in means])
            return {"scores": scores, "says": says}

        def restored(module, token):
            return module, lambda state: state[1:, token].copy_(state[0, token])

        def frozen(module, token):
            return module, lambda state: state[1:, token].copy_(kept[module][1:, token])

        def hidden(token, layer):
            return [restored(self.blocks[layer], token)]

        def windowed(part):
            def patches(token, layer):
                layers = range(max(0, layer - self.window // 2), min(len(self.blocks), layer - (-self.window // 2)))
                return [restored(getattr(self.blocks[each], PARTS[part]), token) for each in layers]

            return patches

        def severed(part):
            def patches(token, layer):
                return [frozen(getattr(block, PARTS[part]), token) for block in self.blocks] + hidden(token, layer)

            return patches

        start = time.perf_counter()
        plain = {"kind": "hidden", "severed": "none", **grid(hidden)}
        first_done = time.perf_counter() - start
        grids = [
            plain,
            *({"kind": part, "severed": "none", **grid(windowed(part))} for part in PARTS),
            *({"kind": "hidden", "severed": part, **grid(severed(part))} for part in PARTS),
        ]
        print(f"hidden {first_done:.2f} s, all {time.perf_counter() - start:.2f} s", file=sys.stderr)
        return {
            "prompt": template,
            "subject": subject_text,
            "ids": ids,
            "subjectRange": subject,
            "answer": answer,
            "high": numbers(probabilities[0, answer]),
            "low": numbers(probabilities[1:, answer].mean()),
            "grids": grids,
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--facts", required=True, help='JSON [{"prompt", "subject"}], the prompt with {}')
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--window", type=int, default=10)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()

    facts = json.loads(Path(arguments.facts).read_text(encoding="utf-8"))
    tracer = Tracer(load_model(arguments.model), load_tokenizer(arguments.model), arguments.samples, arguments.window)
    noise = tracer.subject_noise([fact["subject"] for fact in facts])
    write_json(
        arguments.out,
        {
            "samples": arguments.samples,
            "window": arguments.window,
            "noise": numbers(noise),
            # Enough to tell whether a generator draws as NumPy's does, in a refill of its state too.
            "gaussian": {"first": numbers(numpy.random.RandomState(1).randn(8).tolist(), 17), "at": 1500,
                         "then": numbers(numpy.random.RandomState(1).randn(1508)[1500:].tolist(), 17)},
            "traces": [tracer.trace(fact["prompt"], fact["subject"], noise) for fact in facts],
        },
    )


if __name__ == "__main__":
    main()
