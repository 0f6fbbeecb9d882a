#!/usr/bin/env python3
"""Makes the data that ship with the page, public/data/, from the datasets they come from.

    python tools/data/build.py --pararel DIR --counterfact counterfact-flat-dev.jsonl --known known-809.json \
        --paragraphs wikipedia-paragraphs.txt --sentences wikipedia-sentences.txt

The files are in the repository; this script says how they were made, and makes the same bytes again. Sources and licences:
public/data/README.md.

- facts.json: relations with their wordings, the canonical one first, and pairs of subject and object, one object a subject: the
  one CounterFact asks for, else ParaRel's first. Wordings end where the object goes: ParaRel's patterns, then CounterFact's prompts.
- counterfact.jsonl: records; the first line names the columns. CounterFact's relation is not in its flattened form: it is the one that ParaRel
  has the fact under, or the one that the prompt is used for. The flattened form's second prompt is a paraphrase, told after
  unrelated text, or a beginning to be continued (generation).
- known-facts.jsonl: prompts of known_1000, {} in the subject's place; the first line names the columns.
- statistics.txt: Wikipedia paragraphs, one document a line, for the second moments of keys.
- held-out.txt: Wikipedia sentences, for perplexity.
"""

import argparse
import json
import random
from collections import Counter, defaultdict
from pathlib import Path

OUT = Path(__file__).parents[2] / "public" / "data"
HELD_OUT_SENTENCES = 100
SEED = 0

# Label and canonical wording of each relation, in the order of the list. Wikidata's properties have no sentences; the wordings are
# those of ParaRel or CounterFact that say most plainly which relation is meant.
RELATIONS = {
    "P36": ("capital", "The capital of {} is"),
    "P37": ("official language", "The official language of {} is"),
    "P17": ("country", "{} is located in the country of"),
    "P30": ("continent", "{} belongs to the continent of"),
    "P131": ("administrative region", "{} is located in"),
    "P276": ("location", "The location of {} is"),
    "P190": ("twin city", "The twin city of {} is"),
    "P47": ("bordering country", "{} shares its border with"),
    "P530": ("diplomatic relations", "{} maintains diplomatic relations with"),
    "P1376": ("capital of", "{} is the capital of"),
    "P103": ("native language", "The mother tongue of {} is"),
    "P1412": ("language used", "{} speaks the language"),
    "P27": ("citizenship", "{} is a citizen of"),
    "P19": ("place of birth", "{} was born in"),
    "P20": ("place of death", "{} died in the city of"),
    "P937": ("work location", "{} worked in the city of"),
    "P106": ("occupation", "The profession of {} is"),
    "P101": ("field of work", "{} works in the field of"),
    "P108": ("employer", "{} is employed by"),
    "P39": ("position held", "{} holds the position of"),
    "P140": ("religion", "{} follows the religion of"),
    "P641": ("sport", "{} professionally plays the sport"),
    "P413": ("sport position", "{} plays in the position of"),
    "P1303": ("instrument", "{} plays the instrument"),
    "P136": ("genre", "The genre played by {} is"),
    "P264": ("record label", "{} is represented by record label"),
    "P364": ("original language", "The original language of {} is"),
    "P407": ("language of a work", "{} was written in"),
    "P449": ("broadcaster", "{} debuted on"),
    "P495": ("country of origin", "{} was created in the country of"),
    "P176": ("manufacturer", "{} is produced by"),
    "P178": ("developer", "{} was developed by"),
    "P127": ("owner", "{} is owned by"),
    "P159": ("headquarters", "The headquarters of {} is in"),
    "P740": ("place of foundation", "{} was founded in"),
    "P463": ("member of", "{} is a member of"),
    "P138": ("namesake", "{} is named after"),
    "P361": ("part of", "{} is part of"),
    "P279": ("subclass of", "{} is a subclass of"),
    "P1001": ("applies to", "{} is a legal term in"),
}
# Of CounterFact only: ParaRel has no sports. A record is about one when its object is an object of these prompts.
SPORT = "P641"
SPORT_TEMPLATES = ("{} professionally plays the sport", "{} is a professional", "What sport does {} play? They play")


def read_jsonl(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def template_of(prompt, subject):
    """The prompt with {} in place of the first occurrence of its subject."""
    assert subject in prompt, prompt
    return prompt.replace(subject, "{}", 1)


def wording_of(pattern):
    """ParaRel's pattern as a prompt that the object continues, or None where the object does not come last."""
    text = " ".join(pattern.replace("[X]", "{}").split()).rstrip(" .")
    if not text.endswith("[Y]") or text.count("{}") != 1:
        return None
    return text.removesuffix("[Y]").rstrip()


def relations_of_records(records, triples):
    """The relation of every record of CounterFact."""
    of_fact = defaultdict(list)
    for triple in triples:
        of_fact[triple["subject"], triple["object"]].append(triple["relation"])
    templates = [template_of(record["prompt"], record["subject"]) for record in records]
    candidates = [
        [relation for relation in of_fact[record["subject"], record["ground_truth"]] if relation in RELATIONS] for record in records
    ]
    uses = defaultdict(Counter)
    for template, known in zip(templates, candidates, strict=True):
        if len(known) == 1:
            uses[template][known[0]] += 1
    sports = {record["ground_truth"] for record, template in zip(records, templates, strict=True) if template in SPORT_TEMPLATES}
    relations = []
    for record, template, known in zip(records, templates, candidates, strict=True):
        if not known and record["ground_truth"] in sports:
            relations.append(SPORT)
            continue
        # The most used first; of equals the one whose name comes first, so that the choice does not hang on any order.
        ranked = sorted(known or uses[template], key=lambda relation: (-uses[template][relation], relation))
        relations.append(ranked[0] if ranked else None)
    return templates, relations


def wordings(patterns, templates, relations):
    """By relation: the canonical wording, ParaRel's others, CounterFact's others."""
    used = defaultdict(Counter)
    for template, relation in zip(templates, relations, strict=True):
        used[relation][template] += 1
    result = {}
    for relation, (_, canonical) in RELATIONS.items():
        pararel = [wording_of(pattern["pattern"]) for pattern in patterns.get(relation, [])]
        # A prompt that is used for several relations, such as "{}, in", is a wording of the one that it is used for most.
        own = [
            template
            for template, _ in sorted(used[relation].items(), key=lambda item: (-item[1], item[0]))
            if relation == max(sorted(used), key=lambda other: used[other][template] if other else -1)
        ]
        found = list(dict.fromkeys(wording for wording in [*pararel, *own] if wording is not None))
        assert canonical in found, (relation, canonical)
        result[relation] = [canonical, *(wording for wording in found if wording != canonical)]
    return result


def facts_by_relation(triples, records, relations, known):
    """Pairs of subject and object: those of ParaRel, and of CounterFact and known_1000 where they say otherwise or more."""
    asked = {}
    for record, relation in zip(records, relations, strict=True):
        asked.setdefault((relation, record["subject"]), record["ground_truth"])
    facts = {relation: {} for relation in RELATIONS}
    for triple in triples:
        relation, subject = triple["relation"], triple["subject"]
        if relation in facts:
            facts[relation].setdefault(subject, asked.get((relation, subject), triple["object"]))
    for (relation, subject), object_ in asked.items():
        if relation is not None:
            facts[relation].setdefault(subject, object_)
    for fact in known:
        if fact["relation_id"] == SPORT:
            facts[SPORT].setdefault(fact["subject"], fact["attribute"])
    return facts


def write(name, text):
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / name).write_text(text, encoding="utf-8", newline="\n")
    print(f"{name}: {len(text.encode())} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pararel", type=Path, required=True)
    parser.add_argument("--counterfact", type=Path, required=True)
    parser.add_argument("--known", type=Path, required=True)
    parser.add_argument("--paragraphs", type=Path, required=True)
    parser.add_argument("--sentences", type=Path, required=True)
    args = parser.parse_args()
    triples = read_jsonl(args.pararel / "triples.jsonl")
    patterns = json.loads((args.pararel / "patterns.json").read_text(encoding="utf-8"))
    records = sorted(read_jsonl(args.counterfact), key=lambda record: record["case_id"])
    known = sorted(json.loads(args.known.read_text(encoding="utf-8")), key=lambda fact: fact["known_id"])

    templates, relations = relations_of_records(records, triples)
    worded = wordings(patterns, templates, relations)
    facts = facts_by_relation(triples, records, relations, known)
    heads = [
        f'{{"id":{compact(id_)},"label":{compact(label)},"templates":{compact(worded[id_])},"facts":[\n'
        + ",\n".join(compact(pair) for pair in facts[id_].items())
        + "\n]}"
        for id_, (label, _) in RELATIONS.items()
    ]
    # The numbers of the other files are here, so that they need not be read to be told.
    write("facts.json", f'{{"prompts":{len(known)},"records":{len(records)},"relations":[\n' + ",\n".join(heads) + "\n]}\n")

    endings = set(templates)
    rows = [["case_id", "relation_id", "prompt", "subject", "target_true", "target_new", "paraphrase", "generation", "neighbour"]]
    for record, template, relation in zip(records, templates, relations, strict=True):
        second, subject = record["rephrase_prompt"], record["subject"]
        paraphrase = any(second.endswith(ending.replace("{}", subject)) for ending in endings)
        assert record["locality_ground_truth"] == record["ground_truth"]
        rows.append(
            [
                record["case_id"],
                relation,
                template,
                subject,
                record["ground_truth"],
                record["target_new"],
                second if paraphrase else None,
                None if paraphrase else second,
                record["locality_prompt"],
            ]
        )
    write("counterfact.jsonl", "".join(compact(row) + "\n" for row in rows))

    columns = ["known_id", "relation_id", "prompt", "subject", "object"]
    prompts = [[fact["known_id"], fact["relation_id"], template_of(fact["prompt"], fact["subject"]), fact["subject"], fact["attribute"]] for fact in known]
    write("known-facts.jsonl", "".join(compact(row) + "\n" for row in [columns, *prompts]))

    write("statistics.txt", args.paragraphs.read_text(encoding="utf-8"))
    sentences = [line for line in args.sentences.read_text(encoding="utf-8").splitlines() if line.strip()]
    write("held-out.txt", "\n".join(random.Random(SEED).sample(sentences, HELD_OUT_SENTENCES)) + "\n")


if __name__ == "__main__":
    main()
