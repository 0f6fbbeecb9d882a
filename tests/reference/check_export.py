#!/usr/bin/env python3
"""Does `transformers` load an edited model as it is, and what does it say?

Puts the weights file beside the source model's other files, loads the folder through AutoModelForCausalLM and
AutoTokenizer, fails when a tensor is missing, unexpected or of another shape, and writes the logits that follow each
prompt.

    python tests/reference/check_export.py --model public/models/demo --weights edited.safetensors \\
        --prompts tests/reference/data/demo-prompts.json --out tests/reference/goldens/demo-export.json
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from common import load_tokenizer, numbers, top, write_json

FILES = ["config.json", "tokenizer.json", "tokenizer_config.json"]
# Every 16th logit is kept: enough to compare, and a small file.
LOGIT_STRIDE = 16


def load(model, weights):
    """The model of the folder with other weights, in float32, and its tokenizer."""
    with tempfile.TemporaryDirectory() as folder:
        for name in FILES:
            shutil.copy(Path(model) / name, folder)
        shutil.copy(weights, Path(folder) / "model.safetensors")
        loaded, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
        tokenizer = AutoTokenizer.from_pretrained(folder)
    # The output embedding is the input embedding's, so no file needs to hold it.
    tied = {"lm_head.weight"} if loaded.config.tie_word_embeddings else set()
    faults = {name: sorted(map(str, found)) for name, found in info.items() if set(found) - tied}
    if faults:
        sys.exit(f"The weights do not fit the model: {faults}")
    return loaded.eval(), tokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of the source model")
    parser.add_argument("--weights", required=True, help="the safetensors file to check")
    parser.add_argument("--prompts", required=True, help="JSON list of prompts")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()

    model, tokenizer = load(arguments.model, arguments.weights)
    plain = load_tokenizer(arguments.model)
    rows = []
    for prompt in json.loads(Path(arguments.prompts).read_text(encoding="utf-8")):
        ids = tokenizer(prompt)["input_ids"]
        if ids != plain.encode(prompt).ids:
            sys.exit(f"AutoTokenizer and tokenizer.json disagree on “{prompt}”.")
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0, -1]
        rows.append(
            {
                "prompt": prompt,
                "ids": ids,
                "logits": numbers(logits[::LOGIT_STRIDE]),
                "top": top(logits.log_softmax(-1), plain),
            }
        )
    digest = hashlib.sha256(Path(arguments.weights).read_bytes()).hexdigest()
    write_json(
        arguments.out,
        {
            "weights": {"file": Path(arguments.weights).name, "sha256": digest},
            "logitStride": LOGIT_STRIDE,
            "prompts": rows,
        },
    )


if __name__ == "__main__":
    main()
