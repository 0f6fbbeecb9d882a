#!/usr/bin/env python3
"""Writes the texts beside a model: statistics.txt, over which its key statistics are taken, and held-out.txt, which it was not told.

About 38,400 tokens, half Wikipedia sentences and half facts the model knows, one document a line with one to three
sentences each, in an order that a seed fixes; and 100 of the sentences that the training never saw.

    python tools/demo-model/statistics_text.py --model public/models/demo
"""

import argparse
import json
import random
from pathlib import Path

from tokenizers import Tokenizer

from corpus import read_text, wikipedia_sentences

SEED = 20
TOKENS = 38_400
MAX_SENTENCES = 3
HELD_OUT = 100


def fact_sentences(facts, rng):
    """Every known fact once, in one of its relation's wordings."""
    return [
        f"{rng.choice(relation['templates']).replace('{}', fact['subject'])} {fact['object']}."
        for relation in facts["relations"]
        for fact in relation["facts"]
        if fact["known"] and "\\" not in fact["subject"] + fact["object"]
    ]


def documents(sentences, tokens, tokenizer, context, rng):
    """Shuffled documents of one to three sentences that fit the context, until they hold `tokens` tokens."""
    rng.shuffle(sentences)
    remaining = iter(sentences)
    count = 0
    while count < tokens:
        wanted = rng.randint(1, MAX_SENTENCES)
        document, length = "", 0
        for sentence in remaining:
            joined = f"{document} {sentence}".strip()
            joined_length = len(tokenizer.encode(joined, add_special_tokens=False).ids)
            if joined_length > context:
                if document:
                    break
                continue
            document, length = joined, joined_length
            wanted -= 1
            if wanted == 0:
                break
        if not document:
            raise SystemExit(f"The sentences gave only {count} of {tokens} tokens.")
        count += length
        yield document, length


def write_statistics_text(model: Path) -> None:
    rng = random.Random(SEED)
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    context = json.loads((model / "config.json").read_text())["n_positions"]
    facts = json.loads((model / "facts.json").read_text(encoding="utf-8"))
    sources = [wikipedia_sentences(), fact_sentences(facts, rng)]
    lines = [
        line
        for sentences in sources
        for line in documents(sentences, TOKENS // len(sources), tokenizer, context, rng)
    ]
    rng.shuffle(lines)
    text = "".join(f"{document}\n" for document, _ in lines)
    (model / "statistics.txt").write_text(text, encoding="utf-8")
    (model / "held-out.txt").write_text("".join(f"{line}\n" for line in read_text()[1][:HELD_OUT]), encoding="utf-8")
    print(f"{len(lines)} documents, {sum(length for _, length in lines)} tokens, {len(text.encode())} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    write_statistics_text(parser.parse_args().model)


if __name__ == "__main__":
    main()
