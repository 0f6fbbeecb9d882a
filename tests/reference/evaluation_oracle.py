#!/usr/bin/env python3
"""CounterFact's metrics in PyTorch, as an oracle: both objects' losses after every prompt of 50 records, and what is made of them;
and what the same change of the model does to perplexity and to next tokens on its held-out sentences.

Follows the reference (github.com/kmeng01/memit: experiments/py/eval_utils_counterfact.py, test_batch_prediction; experiments/summarize.py), one prompt
and one object at a time. The records are asked of the model with the output projections of some MLPs scaled, so that it errs.

    python tests/reference/evaluation_oracle.py --model public/models/demo --records 50 --layers 0,1,2,3 --scale 0.3 \\
        --out tests/reference/goldens/demo-evaluation.json
"""

import argparse
import json
from pathlib import Path
from statistics import harmonic_mean

import numpy
import torch

from common import load_model, load_tokenizer, numbers, write_json

SENTENCES = 30
GROUPS = ("rewrite", "paraphrase", "neighborhood")


def losses(model, tokenizer, prompt, target):
    """Mean −log p over the tokens of the target, and whether each is the most probable one."""
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    before, target_ids = encode(prompt), encode(f" {target}")
    ids = encode(f"{prompt} {target}")
    assert ids == before + target_ids, f"“{prompt}” and “{target}” are merged"
    with torch.no_grad():
        log_probabilities = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    rows = log_probabilities[len(before) - 1 : -1]
    loss = -rows[range(len(target_ids)), target_ids].mean().item()
    return loss, rows.argmax(-1).tolist() == target_ids


def evaluate(model, tokenizer, record):
    rewrite = record["requested_rewrite"]
    prompts = {
        "rewrite": [rewrite["prompt"].replace("{}", rewrite["subject"])],
        "paraphrase": record["paraphrase_prompts"],
        "neighborhood": record["neighborhood_prompts"],
    }
    result = {}
    for group in GROUPS:
        rows = []
        for prompt in prompts[group]:
            new, new_said = losses(model, tokenizer, prompt, rewrite["target_new"]["str"])
            true, true_said = losses(model, tokenizer, prompt, rewrite["target_true"]["str"])
            rows.append((new, true, true_said if group == "neighborhood" else new_said))
        result[group] = rows
    return result


def summarize(results):
    groups = {}
    for group in GROUPS:
        sign = -1 if group == "neighborhood" else 1
        cases = {"success": [], "magnitude": [], "accuracy": []}
        for result in results:
            new, true, said = map(numpy.array, zip(*result[group]))
            cases["success"].append(numpy.mean(sign * true > sign * new))
            cases["magnitude"].append(numpy.mean(sign * (numpy.exp(-new) - numpy.exp(-true))))
            cases["accuracy"].append(numpy.mean(said))
        groups[group] = {
            name: {
                "mean": numbers(numpy.mean(values)),
                "interval": numbers(1.96 * numpy.std(values, ddof=1) / numpy.sqrt(len(values))),
            }
            for name, values in cases.items()
        }
    return {"groups": groups, "score": numbers(harmonic_mean([groups[group]["success"]["mean"] for group in GROUPS]))}


def next_tokens(model, tokenizer, sentences):
    """Log-probabilities [T, V] after every token of each sentence, and its tokens."""
    for sentence in sentences:
        ids = tokenizer.encode(sentence, add_special_tokens=False).ids[: model.config.n_positions]
        with torch.no_grad():
            yield ids, model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)


def damage(before, after):
    """Perplexity per token, and KL(before ‖ after) of the next token after the first half of each sentence, in nats."""

    def perplexity(answers):
        losses = [-rows[range(len(ids) - 1), ids[1:]].sum().item() for ids, rows in answers]
        return numbers(numpy.exp(sum(losses) / sum(len(ids) - 1 for ids, _ in answers)))

    middles = [(rows[(len(ids) - 1) // 2], other[(len(ids) - 1) // 2]) for (ids, rows), (_, other) in zip(before, after)]
    divergences = [(p.exp() * (p - q)).sum().item() for p, q in middles]
    return {
        "sentences": len(before),
        "perplexity": {"before": perplexity(before), "after": perplexity(after)},
        "divergence": numbers(numpy.mean(divergences)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--records", type=int, required=True, help="how many, of the model's benchmark.json")
    parser.add_argument("--layers", required=True, type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--scale", type=float, required=True)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()

    model, tokenizer = load_model(arguments.model), load_tokenizer(arguments.model)
    held_out = (Path(arguments.model) / "held-out.txt").read_text(encoding="utf-8").splitlines()[:SENTENCES]
    before = list(next_tokens(model, tokenizer, held_out))
    for layer in arguments.layers:
        model.transformer.h[layer].mlp.c_proj.weight.mul_(arguments.scale)
    records = json.loads((Path(arguments.model) / "benchmark.json").read_text(encoding="utf-8"))[: arguments.records]
    results = [evaluate(model, tokenizer, record) for record in records]
    write_json(
        arguments.out,
        {
            "layers": arguments.layers,
            "scale": arguments.scale,
            "metrics": summarize(results),
            "damage": damage(before, list(next_tokens(model, tokenizer, held_out))),
            "records": [
                {
                    group: {
                        "targetNew": [numbers(new) for new, _, _ in result[group]],
                        "targetTrue": [numbers(true) for _, true, _ in result[group]],
                        "correct": [said for _, _, said in result[group]],
                    }
                    for group in GROUPS
                }
                for result in results
            ],
        },
    )


if __name__ == "__main__":
    main()
