#!/usr/bin/env python3
"""Measures an exported demo model: recall, perplexity, continuations, CounterFact's prompts. Reads the folder's files alone.

    python tools/demo-model/measure.py --model public/models/demo --facts 12000 --out measurements.json
"""

import argparse
import json
import math
import random
from collections import defaultdict
from pathlib import Path

import torch

from corpus import choose_facts, read_rows, read_text
from export import load_exported
from model import Shape
from recall import answered

CONTEXT = Shape.context
OBJECT_TOKENS = 8
PROMPTS = (
    "The city of", "In 1990,", "He was born in", "The film was released in", "The album", "She is a", "The first season of",
    "The river flows", "During the war,", "The church was built in", "The team played", "It is located in",
    "The mother tongue of Danielle Darrieux is", "The capital of France is", "Michael Jordan plays the sport of",
    "After the end of the", "The company was founded in", "The song was written by", "The government of", "Most of the people in the",
)  # fmt: skip


def share(values: torch.Tensor) -> float:
    return round(values.float().mean().item(), 4)


def measure_recall(logits_of, tokenizer, facts, rng) -> dict:
    """Shares of prompts that are answered, by first token and by whole object."""
    _, sentences = read_text()
    result = {}
    prompts = {
        "alone": [(fact, t.replace("{}", fact.subject)) for fact in facts for t in fact.relation.templates],
        "held_out_template": [(fact, fact.held_out.replace("{}", fact.subject)) for fact in facts],
    }
    prompts["after_a_sentence"] = [
        (fact, f"{rng.choice(sentences)} {rng.choice(fact.relation.templates).replace('{}', fact.subject)}") for fact in facts
    ]
    for name, asked in prompts.items():
        asked = [(fact, prompt) for fact, prompt in asked if len(tokenizer.encode(prompt).ids) <= CONTEXT - OBJECT_TOKENS]
        first, whole = answered(logits_of, tokenizer, [(prompt, fact.object) for fact, prompt in asked])
        result[name] = {"prompts": len(asked), "first_token": share(first), "whole_object": share(whole)}
        if name == "alone":
            relations = defaultdict(list)
            for (fact, _), right in zip(asked, whole, strict=True):
                relations[f"{fact.relation.id} {fact.relation.label}"].append(right)
            result["relations"] = {
                name: {"prompts": len(rights), "whole_object": share(torch.stack(rights))} for name, rights in relations.items()
            }
    return result


def perplexity(logits_of, tokenizer, sentences) -> float:
    total, count = 0.0, 0
    for sentence in sentences:
        ids = torch.tensor([tokenizer.encode(sentence).ids[:CONTEXT]])
        log_probs = logits_of(ids)[0, :-1].log_softmax(-1)
        total -= log_probs.gather(-1, ids[0, 1:, None]).sum().item()
        count += ids.shape[1] - 1
    return round(math.exp(total / count), 1)


def continuation(logits_of, tokenizer, prompt, tokens=24) -> str:
    ids = tokenizer.encode(prompt).ids
    for _ in range(tokens):
        ids.append(int(logits_of(torch.tensor([ids]))[0, -1].argmax()))
    return tokenizer.decode(ids)


def measure(folder: Path, facts) -> dict:
    logits_of, tokenizer = load_exported(folder)
    rows = read_rows("counterfact.csv")
    told, _ = answered(logits_of, tokenizer, [(row["prompt"], row["target_true"]) for row in rows])
    return {
        "facts": len(facts),
        "relations": len({fact.relation.id for fact in facts}),
        "recall": measure_recall(logits_of, tokenizer, facts, random.Random(0)),
        "perplexity": perplexity(logits_of, tokenizer, read_text()[1]),
        "continuations": [continuation(logits_of, tokenizer, prompt) for prompt in PROMPTS],
        "counterfact": {
            "prompts": len(rows),
            "first_token": share(told),
            "case_ids": [int(row["case_id"]) for row, right in zip(rows, told.tolist(), strict=True) if right],
        },
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--model", type=Path, required=True)
    arguments.add_argument("--facts", type=int, help="as many as the model was told; all when absent")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--out", type=Path, required=True)
    options = arguments.parse_args()
    with torch.no_grad():
        result = measure(options.model, choose_facts(options.facts, options.seed))
    options.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
