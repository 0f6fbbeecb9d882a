#!/usr/bin/env python3
"""Causal trace of the exported model (hidden states), in PyTorch: where along layers and tokens does it keep its facts?

    python tools/demo-model/tracing.py --model public/models/demo --facts 100 --out trace.json

Meng et al., "Locating and Editing Factual Associations in GPT", section 2: 10 corrupted runs with Gaussian noise on the subject's
embeddings (σ = 3 × the standard deviation of subject embeddings), the same draw for every restored state.
"""

import argparse
import json
import random
import sys
from collections import defaultdict
from pathlib import Path

import torch

from tokenization import tokens_covering

sys.path.append(str(Path(__file__).parents[2] / "tests/reference"))
from common import load_model, load_tokenizer  # noqa: E402

SAMPLES = 10


def known_facts(folder: Path, count: int, seed: int) -> list[tuple[str, str, str]]:
    """(template, subject, object) of known facts, drawn evenly."""
    relations = json.loads((folder / "facts.json").read_text(encoding="utf-8"))["relations"]
    known = [(r["templates"][0], f["subject"], f["object"]) for r in relations for f in r["facts"] if f["known"]]
    return random.Random(seed).sample(known, count)


def subject_tokens(tokenizer, template: str, subject: str) -> tuple[list[int], range]:
    start = template.index("{}")
    encoding = tokenizer.encode(template.replace("{}", subject))
    return encoding.ids, tokens_covering(encoding, start, start + len(subject))


@torch.no_grad()
def trace(model, ids: list[int], subject: range, sigma: float, seed: int):
    """(P(clean), P(corrupted), score[token][layer]) for the clean run's most likely token."""
    blocks = model.transformer.h
    clean = model(torch.tensor([ids]), output_hidden_states=True)
    probabilities = clean.logits[0, -1].softmax(-1)
    answer = int(probabilities.argmax())
    generator = torch.Generator().manual_seed(seed)
    embeddings = model.transformer.wte(torch.tensor([ids])).repeat(SAMPLES, 1, 1)
    embeddings[:, subject.start : subject.stop] += sigma * torch.randn(
        SAMPLES, len(subject), embeddings.shape[-1], generator=generator
    )

    def run(restored: list[int] | None, layer: int) -> torch.Tensor:
        """Mean answer probability with one token's state restored after `layer`, a row per token; one row when None."""
        count = len(restored) if restored else 1

        def restore(_module, _inputs, output):
            hidden = output[0] if isinstance(output, tuple) else output
            for row, token in enumerate(restored):
                hidden[row * SAMPLES : (row + 1) * SAMPLES, token] = clean.hidden_states[layer + 1][0, token]
            return output

        handle = blocks[layer].register_forward_hook(restore) if restored else None
        logits = model(inputs_embeds=embeddings.repeat(count, 1, 1)).logits[:, -1]
        if handle:
            handle.remove()
        return logits.softmax(-1)[:, answer].view(count, SAMPLES).mean(1)

    corrupted = run(None, 0).item()
    # hidden_states[-1] is after the final norm: the last layer's own output is never asked for.
    scores = torch.stack([run(list(range(len(ids))), layer) for layer in range(len(blocks) - 1)], dim=1)
    return answer, probabilities[answer].item(), corrupted, scores


def position_classes(length: int, subject: range) -> dict[str, list[int]]:
    last = length - 1
    return {
        "first subject token": [subject.start] if len(subject) > 1 else [],
        "middle subject tokens": list(range(subject.start + 1, subject.stop - 1)),
        "last subject token": [subject.stop - 1],
        "first token after": [subject.stop] if subject.stop < last else [],
        "further tokens": list(range(subject.stop + 1, last)),
        "last token": [last] if last >= subject.stop else [],
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--model", type=Path, required=True)
    arguments.add_argument("--facts", type=int, default=100)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--out", type=Path, required=True)
    options = arguments.parse_args()
    model, tokenizer = load_model(options.model), load_tokenizer(options.model)
    facts = [(*subject_tokens(tokenizer, template, subject), object_) for template, subject, object_ in known_facts(
        options.model, options.facts, options.seed
    )]  # fmt: skip
    vectors = torch.cat([model.transformer.wte(torch.tensor(ids[subject.start : subject.stop])) for ids, subject, _ in facts])
    sigma = 3 * vectors.std().item()
    effects, totals, skipped = defaultdict(list), [], 0
    for number, (ids, subject, object_) in enumerate(facts):
        answer, clean, corrupted, scores = trace(model, ids, subject, sigma, options.seed + number)
        if answer != tokenizer.encode(f" {object_}").ids[0]:
            skipped += 1
            continue
        totals.append(clean - corrupted)
        for name, tokens in position_classes(len(ids), subject).items():
            if tokens:
                effects[name].append(scores[tokens].mean(0) - corrupted)
    result = {
        "facts": len(totals),
        "skipped": skipped,
        "sigma": round(sigma, 5),
        "te": round(sum(totals) / len(totals), 3),
        "aie": {name: [round(v, 3) for v in torch.stack(rows).mean(0).tolist()] for name, rows in effects.items()},
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
