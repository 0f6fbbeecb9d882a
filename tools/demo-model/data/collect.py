#!/usr/bin/env python3
"""Gathers the recipe's data files, facts.csv and counterfact.csv, from the datasets they come from.

    python data/collect.py --pararel DIR --lre relations.json --counterfact counterfact-flat-dev.jsonl

Both outputs are in the repository; this script says how they were made. Sources and licences: data/README.md.

- facts.csv: relation, subject, object. ParaRel's triples and three relations of LRE, one object per (relation, subject): the one
  CounterFact asks for, else the first. Facts of CounterFact's dev file come first, then the others.
- counterfact.csv: case_id, subject, prompt, target_true, target_new of CounterFact's dev file.
"""

import argparse
import csv
import json
from pathlib import Path

DATA = Path(__file__).parent
LRE_RELATIONS = {
    "data/factual/person_plays_pro_sport.json": "sport",
    "data/factual/star_constellation.json": "constellation",
    "data/factual/country_currency.json": "currency",
}


def read_triples(pararel, lre):
    """(relation, subject, object) of both datasets, in their order."""
    with (pararel / "triples.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            triple = json.loads(line)
            yield triple["relation"], triple["subject"], triple["object"]
    relations = json.loads(lre.read_text(encoding="utf-8"))
    for name, relation in LRE_RELATIONS.items():
        for sample in relations[name]["samples"]:
            yield relation, sample["subject"], sample["object"]


def write_csv(path, header, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--pararel", type=Path, required=True)
    arguments.add_argument("--lre", type=Path, required=True)
    arguments.add_argument("--counterfact", type=Path, required=True)
    options = arguments.parse_args()

    records = [json.loads(line) for line in options.counterfact.read_text(encoding="utf-8").splitlines()]
    asked = {(record["subject"], record["ground_truth"]) for record in records}
    ours = {relation["id"] for relation in json.loads((DATA / "relations.json").read_text(encoding="utf-8"))}

    facts = {}
    for relation, subject, object_ in read_triples(options.pararel, options.lre):
        if relation not in ours:
            continue
        if (relation, subject) not in facts or (subject, object_) in asked:
            facts[relation, subject] = object_
    rows = [(relation, subject, object_) for (relation, subject), object_ in facts.items()]
    rows.sort(key=lambda row: (row[1], row[2]) not in asked)
    write_csv(DATA / "facts.csv", ["relation", "subject", "object"], rows)
    write_csv(
        DATA / "counterfact.csv",
        ["case_id", "subject", "prompt", "target_true", "target_new"],
        [
            (record["case_id"], record["subject"], record["prompt"], record["ground_truth"], record["target_new"])
            for record in records
        ],
    )
    print(f"{len(rows)} facts, {sum((row[1], row[2]) in asked for row in rows)} of them in CounterFact's dev file")


if __name__ == "__main__":
    main()
