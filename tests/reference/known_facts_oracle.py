#!/usr/bin/env python3
"""Which of two objects the tiny model finds likelier after many prompts, by PyTorch.

    python tests/reference/known_facts_oracle.py

Writes goldens/tiny-known-facts.json: records of random words in the columns of public/data/counterfact.jsonl, and the cases in which the mean
log-probability of the true object's tokens is above that of the new one's, as CounterFact's metrics compare them.
"""

import random

import torch

from common import GOLDENS, REFERENCE, load_model, load_tokenizer, write_json

MODEL = REFERENCE / "models/tiny-gpt2"
SEED = 0
RECORDS = 150
TEMPLATES = ["The capital of {} is", "{} was born in", "{} is in", "Of all {} the", "{} plays the"]
SUBJECTS = ["the land", "Clark", "the lake", "I", "a town", "Aristotle", "the house of C", "Coral", "most of it", "Paris"]
OBJECTS = ["a", "the", "of", "C", "in", "a town", "the orient", "the land", "is", "born", "most", "Anne", "A", "p", "sister"]
# Comparisons closer than this could turn out either way in float32.
SMALLEST_MARGIN = 1e-4
COLUMNS = ["case_id", "relation_id", "prompt", "subject", "target_true", "target_new", "paraphrase", "generation", "neighbour"]


def main():
    model, tokenizer = load_model(MODEL), load_tokenizer(MODEL)
    rng = random.Random(SEED)

    def encode(text):
        return tokenizer.encode(text, add_special_tokens=False).ids

    def score(prompt, answer):
        """Mean log-probability of the answer's tokens."""
        start, end = encode(prompt), encode(f" {answer}")
        with torch.no_grad():
            rows = model(torch.tensor([start + end])).logits[0, len(start) - 1 : -1].log_softmax(-1)
        return rows.gather(1, torch.tensor(end)[:, None]).mean().item()

    records, preferred = [COLUMNS], []
    while len(records) <= RECORDS:
        template, subject = rng.choice(TEMPLATES), " ".join(rng.choices(SUBJECTS, k=rng.randint(1, 3)))
        true, new = rng.sample(OBJECTS, 2)
        margin = score(template.replace("{}", subject), true) - score(template.replace("{}", subject), new)
        if abs(margin) < SMALLEST_MARGIN:
            continue
        case = 7 * len(records)
        records.append([case, "P1", template, subject, true, new, None, None, f"Another {subject} is"])
        if margin > 0:
            preferred.append(case)
    write_json(GOLDENS / "tiny-known-facts.json", {"records": records, "preferred": preferred})
    print(f"{len(preferred)} of {RECORDS} records")


if __name__ == "__main__":
    main()
