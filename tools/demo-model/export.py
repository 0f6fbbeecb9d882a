"""Writes the folder a user's programs load: F16 weights, configuration, tokenizer, facts.json and benchmark.json."""

import json
import random
from collections import defaultdict
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel

from corpus import Fact, read_relations, read_text
from model import Gpt2
from recall import answered
from tokenization import END_OF_TEXT, write_tokenizer

BENCHMARK_RECORDS = 1_000
NEIGHBOURS = 10
GENERATIONS = 10


def write_weights(model: Gpt2, tokenizer: Tokenizer, folder: Path) -> None:
    """The model as GPT2LMHeadModel saves it; `from_pretrained` reads it as it is."""
    shape, end = model.shape, tokenizer.token_to_id(END_OF_TEXT)
    config = GPT2Config(
        vocab_size=shape.vocabulary,
        n_positions=shape.context,
        n_embd=shape.width,
        n_layer=shape.layers,
        n_head=shape.heads,
        n_inner=4 * shape.width,
        bos_token_id=end,
        eos_token_id=end,
        attn_pdrop=0.0,
        embd_pdrop=0.0,
        resid_pdrop=0.0,
    )
    exported = GPT2LMHeadModel(config)
    missing, unexpected = exported.load_state_dict(model.transformers_state(), strict=False)
    if unexpected or set(missing) - {"lm_head.weight"}:
        raise SystemExit(f"The weights do not fit GPT2LMHeadModel: missing {missing}, unexpected {unexpected}.")
    exported.tie_weights()
    exported.generation_config = GenerationConfig(
        bos_token_id=end, eos_token_id=end, max_new_tokens=40, do_sample=False, pad_token_id=end
    )
    exported.half().save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)  # it is written for its owner alone
    write_tokenizer(tokenizer, folder, shape.context)


def load_exported(folder: Path):
    """(logits_of, tokenizer) of the files as written, in float32 through transformers."""
    model = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).eval().requires_grad_(False)
    return (lambda ids: model(input_ids=ids).logits), Tokenizer.from_file(str(folder / "tokenizer.json"))


def write_facts(facts: list[Fact], folder: Path) -> dict:
    """facts.json: `known` when the most likely token after the canonical prompt is the object's first."""
    logits_of, tokenizer = load_exported(folder)
    canonical = [(fact.relation.templates[0].replace("{}", fact.subject), fact.object) for fact in facts]
    known = answered(logits_of, tokenizer, canonical)[0].tolist()
    by_relation = defaultdict(list)
    for fact, knows in zip(facts, known, strict=True):
        by_relation[fact.relation.id].append({"subject": fact.subject, "object": fact.object, "known": knows})
    relations = [
        {
            "id": relation.id,
            "label": relation.label,
            "templates": relation.templates,
            "facts": sorted(by_relation[relation.id], key=lambda fact: fact["subject"]),
        }
        for relation in read_relations().values()
        if relation.id in by_relation
    ]
    heads = [
        f' {{"id": {json.dumps(r["id"])}, "label": {json.dumps(r["label"])}, "templates": {json.dumps(r["templates"])}, "facts": [\n'
        + ",\n".join("  " + json.dumps(fact, ensure_ascii=False) for fact in r["facts"])
        + "\n ]}"
        for r in relations
    ]
    (folder / "facts.json").write_text('{"relations": [\n' + ",\n".join(heads) + "\n]}\n", encoding="utf-8")
    return {"relations": relations}


def write_benchmark(facts: list[Fact], folder: Path, seed: int) -> list[dict]:
    """benchmark.json: records in CounterFact's form about facts the model knows in every listed wording.

    The new object is another object of the relation; neighbours are other subjects with the true object, attribute prompts ask about
    subjects that have the new one. As in CounterFact, one wording is told after unrelated text.
    """
    logits_of, tokenizer = load_exported(folder)
    asked = [(fact, template) for fact in facts for template in fact.relation.templates]
    right = answered(logits_of, tokenizer, [(template.replace("{}", fact.subject), fact.object) for fact, template in asked])[0]
    wordings = defaultdict(list)
    for (fact, template), answer in zip(asked, right.tolist(), strict=True):
        if answer:
            wordings[fact].append(template)
    known = [fact for fact in facts if len(wordings[fact]) == len(fact.relation.templates)]
    groups = defaultdict(list)
    for fact in known:
        groups[fact.relation.id, fact.object].append(fact)
    objects = defaultdict(list)
    for (relation, object_), members in groups.items():
        if len(members) > NEIGHBOURS:
            objects[relation].append(object_)

    rng = random.Random(seed)
    _, held_out = read_text()
    candidates = [fact for fact in known if fact.object in objects[fact.relation.id] and len(objects[fact.relation.id]) > 1]
    rng.shuffle(candidates)

    def prompts_about(relation: str, object_: str, without: str) -> list[str]:
        others = [fact for fact in groups[relation, object_] if fact.subject != without]
        return [rng.choice(wordings[fact]).replace("{}", fact.subject) for fact in rng.sample(others, NEIGHBOURS)]

    records, seen = [], set()
    for fact in candidates:
        if len(records) == BENCHMARK_RECORDS:
            break
        if fact.subject in seen:
            continue
        seen.add(fact.subject)
        relation = fact.relation
        new = rng.choice([object_ for object_ in objects[relation.id] if object_ != fact.object])
        rewrite, *rest = relation.templates
        first, second = (template.replace("{}", fact.subject) for template in rng.sample(rest, 2))
        told = [template.replace("{}", fact.subject) for template in relation.templates]
        records.append(
            {
                "case_id": len(records),
                "requested_rewrite": {
                    "prompt": rewrite,
                    "relation_id": relation.id,
                    "subject": fact.subject,
                    "target_true": {"str": fact.object},
                    "target_new": {"str": new},
                },
                "paraphrase_prompts": [first, f"{rng.choice(held_out)} {second}"],
                "neighborhood_prompts": prompts_about(relation.id, fact.object, fact.subject),
                "attribute_prompts": prompts_about(relation.id, new, fact.subject),
                "generation_prompts": [rng.choice([fact.subject, f"{fact.subject} is", *told]) for _ in range(GENERATIONS)],
            }
        )
    lines = ",\n".join(json.dumps(record, ensure_ascii=False, separators=(",", ":")) for record in records)
    (folder / "benchmark.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    return records
