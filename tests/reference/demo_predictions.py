#!/usr/bin/env python3
"""Token ids and the five most likely next tokens of a few prompts, by `tokenizers` and `transformers`; logits at every position of some.

    python tests/reference/demo_predictions.py --model public/models/demo \\
        --prompts tests/reference/data/demo-prompts.json --out tests/reference/goldens/demo-predictions.json
"""

import argparse
import json
from pathlib import Path

import torch

from common import load_model, load_tokenizer, numbers, top, write_json

LOGIT_STRIDE = 61
# Of the prompts, the first ones: how many have their logits written.
WITH_LOGITS = 4


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--prompts", required=True, help="JSON list of prompts")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()

    model, tokenizer = load_model(arguments.model), load_tokenizer(arguments.model)
    rows, sequences = [], []
    for prompt in json.loads(Path(arguments.prompts).read_text(encoding="utf-8")):
        ids = tokenizer.encode(prompt).ids
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids])).logits[0]
        rows.append({"prompt": prompt, "ids": ids, "top": top(logits[-1].log_softmax(-1), tokenizer)})
        if len(sequences) < WITH_LOGITS:
            spread = numbers(logits.amax(-1) - logits.amin(-1), 6)
            sequences.append({"ids": ids, "spread": spread, "logits": numbers(logits[:, ::LOGIT_STRIDE], 7)})
    write_json(arguments.out, {"predictions": rows, "logitStride": LOGIT_STRIDE, "sequences": sequences})


if __name__ == "__main__":
    main()
