#!/usr/bin/env python3
"""Fluency (GE) and consistency (RS) of given texts, as an oracle, with NLTK's words and scikit-learn's TF-IDF.

Follows the reference (github.com/kmeng01/memit: experiments/py/eval_utils_counterfact.py, test_generation). The texts are written by the model in PyTorch,
after generation prompts of its benchmark; the reference texts are what it was taught about other subjects that have the new object. Needs NLTK's
tokenizers/punkt_tab.

    python tests/reference/text_oracle.py --model public/models/demo --records 50 --out tests/reference/goldens/demo-texts.json
"""

import argparse
import json
import unicodedata
from collections import Counter
from pathlib import Path

import nltk
import numpy
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from common import load_model, load_tokenizer, numbers, write_json

TEXT_TOKENS = 60
PROMPTS = 3
SAMPLES = 6
TOP_K = 5

# Quotes, clitics, abbreviations, numbers and dashes, for the words alone.
SENTENCES = [
    'He said "no". "Yes," she answered, "I can\'t, I\'m sorry." They\'ve gone.',
    "Dr. Smith met J. R. Tolkien in St. Louis. It rained. The U.S. team won 3,000 dollars; Mrs. Brown didn't.",
    "I cannot do it: I'm gonna leave (really?) -- it's 12:30 already... 'Tis the end!",
    "The firm's profits – about 5% – rose in Jan. 2003. Smith & Co. paid $4.5 million [see below].",
    "“Where is it?” asked Ann. ‘Here’, said Bob’s dog… and left",
    "Wanna go? Gimme that! Lemme see; d'ye know more'n me?",
    "He took plan B. The rest failed. Vitamin C. He went on. Section A. It works. Type I. We like it.",
    "On the 5. of May it rained. It rained in 1999. [citation needed] Malcolm X. He died. E. coli is one.",
    "The place is 9\ufeff° E\ufeff. It is there.",
    "It ends with an e-mail to a@b.com, a #tag, a*b and a<b>c. Yes.",
]


def write_texts(model, tokenizer, prompt, seed):
    ids = tokenizer.encode(prompt, add_special_tokens=False).ids
    generator = torch.Generator().manual_seed(seed)
    while len(ids) < TEXT_TOKENS:
        with torch.no_grad():
            values, best = model(input_ids=torch.tensor([ids])).logits[0, -1].topk(TOP_K)
        ids.append(best[torch.multinomial(values.softmax(-1), 1, generator=generator)].item())
    text = tokenizer.decode(ids, skip_special_tokens=False)
    return unicodedata.normalize("NFKD", text).replace("\n\n", " ").replace("<|endoftext|>", "")


def entropy(words, n):
    counts = numpy.array(list(Counter(nltk.ngrams(words, n)).values()))
    shares = counts / counts.sum()
    return float(-(shares * numpy.log2(shares)).sum())


def fluency(text):
    words = nltk.word_tokenize(text)
    return (2 / 3 * entropy(words, 2) + 4 / 3 * entropy(words, 3)) / 2


def consistency(vectorizer, written, reference):
    a, b = vectorizer.transform([written, reference]).toarray()
    return float(a @ b / numpy.linalg.norm(a) / numpy.linalg.norm(b))


def references_of(facts, record):
    """Reference texts in the form of attribute_snippets.json, or None where the new object is no other subject's."""
    rewrite = record["requested_rewrite"]
    relation = next(relation for relation in facts["relations"] if relation["id"] == rewrite["relation_id"])
    target = rewrite["target_new"]["str"]
    subjects = [fact["subject"] for fact in relation["facts"] if fact["object"] == target][:SAMPLES]
    samples = [
        {"name": subject, "text": f"{relation['templates'][i % len(relation['templates'])].replace('{}', subject)} {target}."}
        for i, subject in enumerate(subjects)
    ]
    return {"relation_id": relation["id"], "target_id": target, "samples": samples} if samples else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--records", type=int, required=True, help="how many, of the model's benchmark.json")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()

    model, tokenizer = load_model(arguments.model), load_tokenizer(arguments.model)
    folder = Path(arguments.model)
    records = json.loads((folder / "benchmark.json").read_text(encoding="utf-8"))[: arguments.records]
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    references = {}
    for record in records:
        found = references_of(facts, record)
        if found:
            references[found["relation_id"], found["target_id"]] = found
    texts_of = {key: " ".join(sample["text"] for sample in value["samples"]) for key, value in references.items()}
    vectorizer = TfidfVectorizer()
    vectorizer.fit([sample["text"] for value in references.values() for sample in value["samples"]])

    results = []
    for i, record in enumerate(records):
        rewrite = record["requested_rewrite"]
        prompts = record["generation_prompts"][:PROMPTS]
        texts = [write_texts(model, tokenizer, prompt, 100 * i + p) for p, prompt in enumerate(prompts)]
        key = rewrite["relation_id"], rewrite["target_new"]["str"]
        results.append(
            {
                "texts": texts,
                "fluency": numbers(float(numpy.mean([fluency(text) for text in texts]))),
                "consistency": numbers(consistency(vectorizer, " ".join(texts), texts_of[key])) if key in texts_of else None,
            }
        )
    write_json(
        arguments.out,
        {
            "sentences": [{"text": text, "words": nltk.word_tokenize(text)} for text in SENTENCES],
            "references": list(references.values()),
            "results": results,
        },
    )


if __name__ == "__main__":
    main()
