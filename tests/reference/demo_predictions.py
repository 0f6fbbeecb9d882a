#!/usr/bin/env python3
"""Token ids and the five most likely next tokens of a few prompts, by `tokenizers` and `transformers`.

    python tests/reference/demo_predictions.py --model public/models/demo \\
        --prompts tests/reference/data/demo-prompts.json --out tests/reference/goldens/demo-predictions.json
"""

import argparse
import json
from pathlib import Path

import torch

from common import load_model, load_tokenizer, top, write_json


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--prompts", required=True, help="JSON list of prompts")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()

    model, tokenizer = load_model(arguments.model), load_tokenizer(arguments.model)
    rows = []
    for prompt in json.loads(Path(arguments.prompts).read_text(encoding="utf-8")):
        ids = tokenizer.encode(prompt).ids
        with torch.no_grad():
            log_probabilities = model(input_ids=torch.tensor([ids])).logits[0, -1].log_softmax(-1)
        rows.append({"prompt": prompt, "ids": ids, "top": top(log_probabilities, tokenizer)})
    write_json(arguments.out, {"predictions": rows})


if __name__ == "__main__":
    main()
