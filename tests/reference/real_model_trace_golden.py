"""Brings an average causal trace of a real model into the form that tests/unit/real-model/trace.test.ts reads (TraceGolden).

    python tests/reference/real_model_trace_golden.py --run DIR/trace-average.json --out tests/reference/goldens/smollm2-trace.json

The run was made in PyTorch the plain way, a pass of the clean and the corrupted rows for every layer and token, with NumPy's RandomState(1) for
every fact; of its curves those of hidden states at the last subject token are taken.
"""
import argparse
import json
from pathlib import Path

from common import write_json


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    arguments = parser.parse_args()
    run = json.loads(arguments.run.read_text())
    curves = run["curves"]
    golden = {name: run[name] for name in ("noise", "samples", "window", "high", "low", "known_ids")}
    golden["hidden"] = curves["hidden@last_subject"]["effect"]
    golden["severedMlp"] = curves["hidden/mlp@last_subject"]["effect"]
    write_json(arguments.out, golden)


if __name__ == "__main__":
    main()
