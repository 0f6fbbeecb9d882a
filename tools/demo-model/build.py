#!/usr/bin/env python3
"""Builds the demo model from its data: tokenizer, training, export, measurements, statistics, card. See README.md.

    python tools/demo-model/build.py [--run DIR] [--out public/models/demo] [--facts N]

Every stage keeps its result in the run's folder and is skipped when it is there, so a run that was cut off goes on where it stopped.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer

from batches import Stream
from card import read, write_card
from corpus import choose_facts, read_text
from export import write_benchmark, write_facts, write_weights
from measure import measure
from model import Gpt2, Shape
from silent import wake_silent
from statistics_text import write_statistics_text
from tokenization import train_tokenizer
from train import DEVICE, Training, train

SEED = 0
TOOLS = Path(__file__).parent
PROJECT = TOOLS.parent.parent
CPU_FACTS = 12_000
WAKING_BATCHES = 20


def run_tool(name: str, *arguments: object) -> None:
    subprocess.run([sys.executable, str(TOOLS / name), *map(str, arguments)], check=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--run", type=Path, default=Path("demo-model-run"), help="folder for checkpoints, log and measurements")
    arguments.add_argument("--out", type=Path, default=PROJECT / "public/models/demo")
    arguments.add_argument(
        "--facts", type=int, default=None if DEVICE == "cuda" else CPU_FACTS, help=f"how many (default: all with a GPU, else {CPU_FACTS})"
    )
    options = arguments.parse_args()
    run, out = options.run.resolve(), options.out.resolve()
    run.mkdir(parents=True, exist_ok=True)

    facts = choose_facts(options.facts, SEED)
    shape, training = Shape(), Training(seed=SEED)
    tokenizer_file = run / "tokenizer.json"
    if not tokenizer_file.exists():
        train_tokenizer(facts, shape.vocabulary, SEED).save(str(tokenizer_file))
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    model: Gpt2 = train(tokenizer, facts, shape, training, run).cpu()

    exported = run / "model"
    if not (exported / "statistics.txt").exists():
        exported.mkdir(exist_ok=True)
        stream = Stream(tokenizer, facts, read_text()[0], SEED)
        woken = wake_silent(model, [stream.batch(training.batch, shape.context) for _ in range(WAKING_BATCHES)], SEED)
        (run / "woken.json").write_text(json.dumps(woken) + "\n", encoding="utf-8")
        with torch.no_grad():
            write_weights(model, tokenizer, exported)
            write_facts(facts, exported)
            write_benchmark(facts, exported, SEED)
        write_statistics_text(exported)
    if not (run / "measurements.json").exists():
        with torch.no_grad():
            measured = measure(exported, facts)
        (run / "measurements.json").write_text(json.dumps(measured, ensure_ascii=False) + "\n", encoding="utf-8")
    if not (run / "trace.json").exists():
        run_tool("tracing.py", "--model", exported, "--out", run / "trace.json")
    if not (run / "sweep.json").exists():
        contexts = PROJECT / "tests/reference/data/contexts.json"
        run_tool("editability.py", "--model", exported, "--contexts", contexts, "--out", run / "sweep.json")

    preset = read(out / "memit.json")["preset"]
    shutil.copytree(exported, out, dirs_exist_ok=True)
    log = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    measured, sweep, trace, woken = (read(run / f"{name}.json") for name in ("measurements", "sweep", "trace", "woken"))
    write_card(out, measured, sweep, trace, log, woken, len(choose_facts(None, SEED)), preset, shape, training)
    for name in ("measurements.json", "sweep.json", "trace.json"):
        shutil.copy(run / name, TOOLS / name)
    # The statistics belong to the weights: the product itself takes them, over the text just written.
    command = ["npm", "run", "-s", "memit", "--", "statistics", "--model", out]
    command += ["--text", out / "statistics.txt", "--out", out / "statistics.safetensors"]
    subprocess.run([*map(str, command)], check=True, cwd=PROJECT)


if __name__ == "__main__":
    main()
