#!/usr/bin/env python3
"""zsRE's metrics in PyTorch, as an oracle: which tokens of the answers a model says, one token and one prompt at a time.

Follows the reference (github.com/kmeng01/memit: experiments/py/eval_utils_zsre.py, dsets/zsre.py): the text before a token is decoded and
encoded again. Half of the records are zsRE's own, half are facts of the model written in its form, so that it knows some of the answers; the
output projections of some MLPs are scaled, so that it errs.

    python tests/reference/zsre_oracle.py --model public/models/demo --zsre zsre_mend_eval.json --records 50 --layers 0,1,2,3 --scale 0.5 \\
        --out tests/reference/goldens/demo-zsre.json
"""

import argparse
import json
from pathlib import Path
from statistics import harmonic_mean

import numpy
import torch

from common import load_model, load_tokenizer, numbers, write_json

GROUPS = ("rewrite", "paraphrase", "neighborhood")
FIELDS = ("subject", "src", "rephrase", "answers", "loc", "loc_ans")


def in_form(record):
    """A record of the model's benchmark as one of zsRE; its true object takes the place of the answer, so that it is known at times."""
    rewrite = record["requested_rewrite"]
    neighbour = record["neighborhood_prompts"][0]
    return {
        "subject": rewrite["subject"],
        "src": rewrite["prompt"].replace("{}", rewrite["subject"]),
        "rephrase": record["paraphrase_prompts"][0],
        "answers": [f"{rewrite['target_true']['str']} and"],
        "loc": neighbour,
        "loc_ans": rewrite["target_true"]["str"],
    }


def says(model, tokenizer, prompt, answer):
    """Per token of the answer, whether it is the most probable one after the prompt and the tokens before it."""
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    target = encode(f" {answer}")
    result = []
    for i, token in enumerate(target):
        ids = encode(prompt + tokenizer.decode(target[:i], skip_special_tokens=False))
        with torch.no_grad():
            result.append(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax().item() == token)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--zsre", required=True, help="zsRE's evaluation records")
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("--layers", required=True, type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--scale", type=float, required=True)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()

    model, tokenizer = load_model(arguments.model), load_tokenizer(arguments.model)
    for layer in arguments.layers:
        model.transformer.h[layer].mlp.c_proj.weight.mul_(arguments.scale)
    half = arguments.records // 2
    own = json.loads((Path(arguments.model) / "benchmark.json").read_text(encoding="utf-8"))[: arguments.records - half]
    zsre = json.loads(Path(arguments.zsre).read_text(encoding="utf-8"))[:half]
    records = [{field: record[field] for field in FIELDS} for record in zsre] + [in_form(record) for record in own]
    results = [
        {
            "rewrite": says(model, tokenizer, record["src"], record["answers"][0]),
            "paraphrase": says(model, tokenizer, record["rephrase"], record["answers"][0]),
            "neighborhood": says(model, tokenizer, f"{record['loc']}?", record["loc_ans"]),
        }
        for record in records
    ]
    means = {group: [numpy.mean(result[group]) for result in results] for group in GROUPS}
    metrics = {
        group: {
            "mean": numbers(numpy.mean(values)),
            "interval": numbers(1.96 * numpy.std(values, ddof=1) / numpy.sqrt(len(values))),
        }
        for group, values in means.items()
    }
    write_json(
        arguments.out,
        {
            "layers": arguments.layers,
            "scale": arguments.scale,
            "metrics": metrics,
            "score": numbers(harmonic_mean([metrics[group]["mean"] for group in GROUPS])),
            "records": records,
            "results": results,
        },
    )


if __name__ == "__main__":
    main()
