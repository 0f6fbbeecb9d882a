#!/usr/bin/env python3
"""How well MEMIT edits the exported model, in PyTorch: a sweep over bands of layers, λ and clamp on records of benchmark.json.

    python tools/demo-model/editability.py --model public/models/demo --contexts tests/reference/data/contexts.json --out sweep.json

The edits are those of tests/reference/memit_oracle.py, which follows the reference implementation. Key statistics are taken over the
model's statistics.txt. Scores are CounterFact's: ES, PS and NS per record, then their mean; S is their harmonic mean.
"""

import argparse
import copy
import itertools
import json
import sys
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).parents[2] / "tests/reference"))
from common import load_model, load_tokenizer  # noqa: E402
from memit_oracle import Editor, second_moments  # noqa: E402


def request(record: dict) -> dict:
    rewrite = record["requested_rewrite"]
    return {name: rewrite[name] for name in ("prompt", "subject", "target_new", "target_true")}


def mean_nll(editor: Editor, pairs: list[tuple[str, str]], batch: int = 256) -> list[float]:
    """−log p of each object after its prompt, mean over the object's tokens."""
    encoded = [(editor.encode(prompt), editor.encode(f" {object_}")) for prompt, object_ in pairs]
    order = sorted(range(len(pairs)), key=lambda index: sum(map(len, encoded[index])))
    result = [0.0] * len(pairs)
    for at in range(0, len(order), batch):
        chunk = order[at : at + batch]
        with torch.no_grad():
            log_probs = editor.forward([sum(encoded[index], []) for index in chunk]).log_softmax(-1)
        for row, index in enumerate(chunk):
            prompt, target = encoded[index]
            positions = torch.arange(len(prompt) - 1, len(prompt) - 1 + len(target))
            result[index] = -log_probs[row, positions, torch.tensor(target)].mean().item()
    return result


def scores(editor: Editor, records: list[dict]) -> dict[str, float]:
    """ES, PS, NS, S in per cent."""
    asked = []
    for number, record in enumerate(records):
        rewrite = record["requested_rewrite"]
        prompts = {
            "ES": [rewrite["prompt"].replace("{}", rewrite["subject"])],
            "PS": record["paraphrase_prompts"],
            "NS": record["neighborhood_prompts"],
        }
        asked += [(number, name, prompt, rewrite) for name, group in prompts.items() for prompt in group]
    new = mean_nll(editor, [(prompt, rewrite["target_new"]["str"]) for _, _, prompt, rewrite in asked])
    true = mean_nll(editor, [(prompt, rewrite["target_true"]["str"]) for _, _, prompt, rewrite in asked])
    per_record = {name: [[] for _ in records] for name in ("ES", "PS", "NS")}
    for (number, name, _, _), n, t in zip(asked, new, true, strict=True):
        per_record[name][number].append(t < n if name == "NS" else n < t)
    means = {
        name: sum(sum(marks) / len(marks) for marks in groups) / len(groups) for name, groups in per_record.items()
    }
    means["S"] = 3 / sum(1 / max(value, 1e-9) for value in means.values())
    return {name: round(100 * value, 1) for name, value in means.items()}


def sweep(folder: Path, records: list[dict], contexts: list[str], bands, weights, clamps):
    model, tokenizer = load_model(folder), load_tokenizer(folder)
    original = copy.deepcopy(model.state_dict())
    settings = {"steps": 25, "learning_rate": 0.5, "weight_decay": 0.5, "kl_factor": 0.0625}
    moments, _, _ = second_moments(
        Editor(model, tokenizer, contexts, {"layers": [0]}), folder / "statistics.txt", sorted({*itertools.chain(*bands)})
    )
    requests = [request(record) for record in records]
    yield {"layers": [], **scores(Editor(model, tokenizer, contexts, {"layers": [0]}), records)}
    for last, clamp in itertools.product(sorted({band[-1] for band in bands}), clamps):
        editor = Editor(model, tokenizer, contexts, {**settings, "layers": [last], "clamp": clamp})
        targets = torch.stack([editor.compute_z(each)[0] for each in requests], dim=1)
        for band, weight in itertools.product(bands, weights):
            if band[-1] != last:
                continue
            editor = Editor(model, tokenizer, contexts, {**settings, "layers": band, "clamp": clamp, "lambda": weight})
            for _ in editor.spread(requests, targets, moments):
                pass
            yield {"layers": band, "clamp": clamp, "lambda": weight, **scores(editor, records)}
            model.load_state_dict(original)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--model", type=Path, required=True)
    arguments.add_argument("--contexts", type=Path, required=True, help="JSON list of context templates")
    arguments.add_argument("--records", type=int, default=100)
    arguments.add_argument("--bands", type=json.loads, default=[[0, 1, 2], [0, 1, 2, 3], [1, 2, 3], [2, 3]])
    arguments.add_argument("--weights", type=json.loads, default=[50, 100, 200, 300, 500])
    arguments.add_argument("--clamps", type=json.loads, default=[0.6, 0.75, 1.0])
    arguments.add_argument("--out", type=Path, required=True)
    options = arguments.parse_args()
    read = lambda path: json.loads(path.read_text(encoding="utf-8"))  # noqa: E731
    records = read(options.model / "benchmark.json")[: options.records]
    rows = []
    for row in sweep(options.model, records, read(options.contexts), options.bands, options.weights, options.clamps):
        print(json.dumps(row), flush=True)
        rows.append(row)
    options.out.write_text(json.dumps({"records": len(records), "rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
