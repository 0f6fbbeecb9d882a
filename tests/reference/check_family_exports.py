#!/usr/bin/env python3
"""Does `transformers` load the edited models of all families, and does it say what the engine says?

    npx tsx tests/reference/export_families.ts DIR && python tests/reference/check_family_exports.py DIR

Fails where a tensor is missing, unexpected or of another shape, or where a logit differs by more than 1e-4 of their spread.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

TOLERANCE = 1e-4


def check(folder):
    """The largest difference of a logit after the prompt, against the logits' spread."""
    model, found = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    if any(found.values()):
        raise SystemExit(f"{folder.name}: {found}")
    expected = json.loads((folder / "logits.json").read_text())
    with torch.no_grad():
        logits = model.eval()(torch.tensor([expected["ids"]])).logits[0, -1]
    engine = torch.tensor(expected["logits"])
    return ((logits - engine).abs().max() / (engine.max() - engine.min())).item()


def main():
    worst = 0.0
    for folder in sorted(Path(sys.argv[1]).glob("family-*")):
        error = check(folder)
        print(f"{folder.name:32} {error:.1e}")
        worst = max(worst, error)
    if not worst < TOLERANCE:
        raise SystemExit(f"{worst:.1e} is more than {TOLERANCE:.0e}.")


if __name__ == "__main__":
    main()
