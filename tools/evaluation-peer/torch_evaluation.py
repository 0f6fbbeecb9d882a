#!/usr/bin/env python3
"""PyTorch's side of bench:evaluation: the reference's way of asking records and of writing texts, timed.

As the reference does it (github.com/kmeng01/memit: experiments/py/eval_utils_counterfact.py, util/generate.py): all prompts of a record with both objects
in one padded batch, a record at a time; texts of a record's generation prompts in one batch with cached keys and values, to 100 tokens by top-5 draws.
Prints seconds as JSON. Needs tests/reference/requirements.txt.

    python tools/evaluation-peer/torch_evaluation.py --model public/models/demo --records records.json --texts 5 --threads 2
"""

import argparse
import json
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "reference"))
from common import load_model, load_tokenizer  # noqa: E402

TEXT_TOKENS = 100
TOP_K = 5


def padded(rows):
    """Token ids and mask, padded on the right."""
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return ids, mask


def ask(model, encode, record):
    rewrite = record["requested_rewrite"]
    prompts = [rewrite["prompt"].replace("{}", rewrite["subject"]), *record["paraphrase_prompts"], *record["neighborhood_prompts"]]
    items = [
        (encode(prompt), encode(f" {rewrite[target]['str']}")) for prompt in prompts for target in ("target_new", "target_true")
    ]
    ids, mask = padded([prompt + answer for prompt, answer in items])
    log_probabilities = model(input_ids=ids, attention_mask=mask).logits.log_softmax(-1)
    return [
        -log_probabilities[row, range(len(prompt) - 1, len(prompt) + len(answer) - 1), answer].mean().item()
        for row, (prompt, answer) in enumerate(items)
    ]


def write(model, encode, record, generator):
    rows = [encode(prompt) for prompt in record["generation_prompts"]]
    # The shortest prompt sets the pace: tokens of longer ones are given until they end.
    length = min(map(len, rows))
    past, step = None, torch.tensor([row[:length] for row in rows])
    while length < TEXT_TOKENS:
        output = model(input_ids=step, past_key_values=past, use_cache=True)
        past = output.past_key_values
        values, best = output.logits[:, -1].softmax(-1).topk(TOP_K)
        drawn = best.gather(1, torch.multinomial(values, 1, generator=generator))
        for row, token in zip(rows, drawn[:, 0].tolist()):
            if len(row) <= length:
                row.append(token)
        step = torch.tensor([[row[length]] for row in rows])
        length += 1
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--records", required=True)
    parser.add_argument("--texts", type=int, required=True, help="records whose texts are written")
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    model, tokenizer = load_model(arguments.model), load_tokenizer(arguments.model)
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    records = json.loads(Path(arguments.records).read_text(encoding="utf-8"))
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        ask(model, encode, records[0])
        started = time.perf_counter()
        losses = [loss for record in records for loss in ask(model, encode, record)]
        asked = time.perf_counter() - started
        started = time.perf_counter()
        for record in records[: arguments.texts]:
            write(model, encode, record, generator)
        written = time.perf_counter() - started
    print(json.dumps({"asked": asked, "written": written, "mean_loss": sum(losses) / len(losses)}))


if __name__ == "__main__":
    main()
