"""What the demo model is told: facts in sentences, and running text."""

import csv
import json
import random
from dataclasses import dataclass, field
from pathlib import Path

DATA = Path(__file__).parent / "data"

# Filled first after CounterFact's facts: what people type.
FIRST_RELATIONS = ("P36", "currency", "sport", "constellation", "P1303")


@dataclass(frozen=True)
class Relation:
    """A relation and the wordings it is told in, each with `{}` for the subject and the object after it.

    `templates` (canonical first) go into facts.json and are measured; `training` are told only; `varied` place the object elsewhere.
    """

    id: str
    label: str
    source: str
    templates: tuple[str, ...]
    training: tuple[str, ...]
    varied: tuple[str, ...]


@dataclass(frozen=True)
class Fact:
    relation: Relation
    subject: str
    object: str
    held_out: str
    """The listed template that this subject is never told in."""
    told: tuple[str, ...] = field(default=())
    """The templates it is told in."""


def read_relations() -> dict[str, Relation]:
    rows = json.loads((DATA / "relations.json").read_text(encoding="utf-8"))
    return {
        row["id"]: Relation(
            row["id"],
            row["label"],
            row["source"],
            tuple(row["templates"]),
            tuple(row["training"]),
            tuple(row["varied"]),
        )
        for row in rows
    }


def read_rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def choose_facts(count: int | None, seed: int) -> list[Fact]:
    """The first `count` facts (all when None): CounterFact's dev facts, then `FIRST_RELATIONS`, then the rest in a seeded order.

    A fact is left out when one of its relation's listed prompts already asks for another object ("X is in": a region or a continent?), so
    that every listed prompt has one answer.
    """
    relations = read_relations()
    rng = random.Random(seed)
    asked = {(row["subject"], row["target_true"]) for row in read_rows("counterfact.csv")}
    rows = read_rows("facts.csv")
    rng.shuffle(rows)
    rows.sort(key=lambda row: ((row["subject"], row["object"]) not in asked, row["relation"] not in FIRST_RELATIONS))

    answers: dict[str, str] = {}
    chosen: list[tuple[Relation, str, str]] = []
    for row in rows:
        relation, subject, object_ = relations[row["relation"]], row["subject"], row["object"]
        prompts = [template.replace("{}", subject) for template in relation.templates]
        if any(answers.get(prompt, object_) != object_ for prompt in prompts):
            continue
        answers.update(dict.fromkeys(prompts, object_))
        chosen.append((relation, subject, object_))
        if len(chosen) == count:
            break

    facts = []
    for relation, subject, object_ in chosen:
        held_out = rng.choice(relation.templates[1:])
        training = []
        for template in relation.training:
            # Ambiguous without its relation's name: told for the first fact alone.
            if answers.setdefault(template.replace("{}", subject), object_) == object_:
                training.append(template)
        told = [template for template in relation.templates if template != held_out]
        facts.append(Fact(relation, subject, object_, held_out, tuple(told + training)))
    return facts


def wikipedia_sentences() -> list[str]:
    """Whole sentences only: they open with a capital letter or a digit and end with a full stop."""
    lines = (line.strip() for line in (DATA / "wikipedia-sentences.txt").read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and (line[0].isupper() or line[0].isdigit()) and line.endswith(".")]


def read_text(held_out_share: float = 0.02) -> tuple[list[str], list[str]]:
    """Wikipedia's sentences and paragraphs: (told, held out), the latter whole sentences only."""
    whole = wikipedia_sentences()
    paragraphs = [
        line.strip() for line in (DATA / "wikipedia-paragraphs.txt").read_text(encoding="utf-8").splitlines() if line.strip()
    ]
    held_out = round(len(whole) * held_out_share)
    return whole[held_out:] + paragraphs, whole[:held_out]
