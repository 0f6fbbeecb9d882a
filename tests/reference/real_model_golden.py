"""Brings a golden run of a real model into the form that tests/unit/methods/memit/parity.ts reads (MemitGolden).

    python tests/reference/real_model_golden.py --run DIR/golden --out tests/reference/goldens/smollm2-memit.json

DIR/golden.json and DIR/golden.npz come from a run in PyTorch the plain way: transformers' own model with forward hooks, one edit at a time,
whole rows through the whole model at every step, solves in float64. Matrices become their products with the fixed vector of the other oracles.
"""
import argparse
import json
from pathlib import Path

import numpy as np

from common import write_json


def probe(size):
    return np.sin(np.arange(1, size + 1, dtype=np.float64))


def moment(layer):
    covariance = layer["covariance"]
    return {
        "layer": layer["layer"],
        "norm": covariance["norm"],
        "corner": covariance["corner"],
        "probe": covariance["probe"],
    }


def edit(run, arrays, index):
    found = run["edits"][index]
    return {
        "ids": found["ids"],
        "lookup": found["lookup"],
        "targetIds": found["target_ids"],
        "steps": [{k: step[k] for k in ("loss", "nll", "kl", "decay", "deltaNorm")} for step in found["steps"]],
        "h0Norm": found["h0Norm"],
        "deltaNorm": found["deltaNorm"],
        "delta": [float(f"{value:.7g}") for value in arrays[f"delta_{index}"]],
    }


def update(layer, arrays):
    number = layer["layer"]

    def products(name):
        matrix = arrays[f"{name}_{number}"].astype(np.float64)
        return (probe(matrix.shape[0]) @ matrix).tolist()

    return {
        "layer": number,
        "weightNorm": layer["weightNorm"],
        "updateNorm": layer["updateNorm"],
        "remainingNorms": layer["remainingNorms"],
        "keyNorms": layer["keyNorms"],
        "keyProbes": products("K"),
        "residualProbes": products("R"),
        "adjustedProbes": products("A"),
        "updateProbe": arrays[f"dW_probe_{number}"].tolist(),
        "updateCorner": arrays[f"dW_corner_{number}"].tolist(),
    }


def prediction(run, arrays, index):
    found = run["predictions"][index]
    return {
        "prompt": found["prompt"],
        "before": found["before"],
        "after": found["after"],
        "logits": [float(f"{value:.7g}") for value in arrays["logits_after"][index]],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, type=Path, help="the run's files without their endings")
    parser.add_argument("--tokens", required=True, type=int, help="tokens of the text behind its statistics")
    parser.add_argument("--out", required=True, type=Path)
    arguments = parser.parse_args()
    run = json.loads(arguments.run.with_suffix(".json").read_text())
    arrays = np.load(arguments.run.with_suffix(".npz"))
    settings = run["settings"]
    golden = {
        "settings": {
            "layers": settings["layers"],
            "steps": settings["steps"],
            "learningRate": settings["lr"],
            "weightDecay": settings["weight_decay"],
            "clampNormFactor": settings["clamp"],
            "klFactor": settings["kl_factor"],
            "covarianceWeight": settings["lambda"],
        },
        "contexts": run["contexts"],
        "statistics": {"tokens": arguments.tokens, "moments": [moment(layer) for layer in run["layers"]]},
        "edits": [edit(run, arrays, index) for index in range(len(run["edits"]))],
        "layers": [update(layer, arrays) for layer in run["layers"]],
        "logitStride": run["logit_stride"],
        "predictions": [prediction(run, arrays, index) for index in range(len(run["predictions"]))],
    }
    write_json(arguments.out, golden)


if __name__ == "__main__":
    main()
