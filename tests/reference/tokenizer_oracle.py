#!/usr/bin/env python3
"""Ids of texts by the Python `tokenizers`, for tokenizers of every form.

    python tests/reference/tokenizer_oracle.py [--smollm2 FOLDER] [--gemma3 FILE.gguf]

Writes goldens/tokenizer-forms.json: small tokenizers with every normalizer, pre-tokenizer, kind of added token and model that is read
(each made of one vocabulary, learnt from the texts), and the ids of data/tokenizer-texts.json and of prompts of CounterFact.

Writes goldens/tokenizer-real.json: digests of the ids of 500 prompts and of those texts by GPT-2's tokenizer, by the one of
stories260K and, where they are given, by SmolLM2's and Gemma 3's, which are too large to lie here.
"""

import argparse
import csv
import gzip
import hashlib
import json
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from common import GOLDENS, REFERENCE, write_json

TEXTS = json.loads((REFERENCE / "data/tokenizer-texts.json").read_text(encoding="utf-8"))
PROMPTS = REFERENCE.parent.parent / "tools/demo-model/data/counterfact.csv"
STORIES = REFERENCE / "models/stories260k/tokenizer.json"
GPT2 = REFERENCE / "models/gpt2/tokenizer.json.gz"
PROMPT_COUNT = 500
PROMPT_STRIDE = 13
# Hexadecimal digits kept of the digest of one text's ids.
DIGEST_DIGITS = 5
VOCABULARY = 420


def prompts():
    with PROMPTS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[::PROMPT_STRIDE][:PROMPT_COUNT]
    return [row["prompt"] for row in rows]


def digest(ids):
    return hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()[:DIGEST_DIGITS]


def digests(tokenizer, texts, special=False):
    return "".join(digest(tokenizer.encode(text, add_special_tokens=special).ids) for text in texts)


NORMALIZERS = {
    "NFC": normalizers.NFC(),
    "NFD": normalizers.NFD(),
    "NFKC": normalizers.NFKC(),
    "NFKD": normalizers.NFKD(),
    "Lowercase": normalizers.Lowercase(),
    "StripAccents": normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]),
    "Strip": normalizers.Strip(),
    "Strip left": normalizers.Strip(left=True, right=False),
    "Prepend": normalizers.Prepend("▁"),
    "Replace a text": normalizers.Replace(".", "$&"),
    "Replace an expression": normalizers.Replace(Regex(r"\s{2,}"), " "),
    "BertNormalizer": normalizers.BertNormalizer(),
    "BertNormalizer cased": normalizers.BertNormalizer(lowercase=False, strip_accents=False),
    "Llama": normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
}
PATTERN = Regex(r"\p{N}{1,3}|[^\s\p{L}\p{N}]+|\s+")
PRE_TOKENIZERS = {
    "ByteLevel": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "ByteLevel with a space": pre_tokenizers.ByteLevel(add_prefix_space=True),
    "ByteLevel whole": pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    "Metaspace always": pre_tokenizers.Metaspace(prepend_scheme="always"),
    "Metaspace first": pre_tokenizers.Metaspace(prepend_scheme="first"),
    "Metaspace never": pre_tokenizers.Metaspace(prepend_scheme="never"),
    "Metaspace whole": pre_tokenizers.Metaspace(prepend_scheme="first", split=False),
    "Whitespace": pre_tokenizers.Whitespace(),
    "WhitespaceSplit": pre_tokenizers.WhitespaceSplit(),
    "Punctuation": pre_tokenizers.Punctuation(),
    "Punctuation contiguous": pre_tokenizers.Punctuation("contiguous"),
    "Punctuation removed": pre_tokenizers.Punctuation("removed"),
    "Digits": pre_tokenizers.Digits(),
    "Digits individual": pre_tokenizers.Digits(individual_digits=True),
    "BertPreTokenizer": pre_tokenizers.BertPreTokenizer(),
    "CharDelimiterSplit": pre_tokenizers.CharDelimiterSplit("e"),
    "FixedLength": pre_tokenizers.FixedLength(4),
    "Split removed": pre_tokenizers.Split(PATTERN, "removed"),
    "Split isolated": pre_tokenizers.Split(PATTERN, "isolated"),
    "Split with previous": pre_tokenizers.Split(PATTERN, "merged_with_previous"),
    "Split with next": pre_tokenizers.Split(PATTERN, "merged_with_next"),
    "Split contiguous": pre_tokenizers.Split(PATTERN, "contiguous"),
    "Split inverted": pre_tokenizers.Split(PATTERN, "removed", invert=True),
    "Split a text": pre_tokenizers.Split(" ", "merged_with_next"),
    "Metaspace first after Split": pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r"\d+"), "isolated"), pre_tokenizers.Metaspace(prepend_scheme="first")]
    ),
}
ADDED = {
    "plain": {},
    "single word": {"single_word": True},
    "single word, normalized": {"single_word": True, "normalized": True},
    "strips left": {"lstrip": True},
    "strips right": {"rstrip": True},
    "strips both, normalized": {"lstrip": True, "rstrip": True, "normalized": True},
}
ADDED_TEXTS = ["the", "Th", "  ", "Tower", "Eiffel Tower", "é"]


def vocabulary(texts):
    """Tokens and merges of a character vocabulary over what all forms make of the texts."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), pre_tokenizers.Digits()])
    alphabet = sorted(set(pre_tokenizers.ByteLevel.alphabet()) | set("▁$&"))
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY + 300, special_tokens=["<unk>", "<s>", "</s>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return json.loads(tokenizer.to_str())["model"]


def form(model, name, normalizer=None, pre_tokenizer=None, added=(), model_class=None, post_processor=None):
    tokenizer = Tokenizer(model_class or models.BPE(model["vocab"], [tuple(m) for m in model["merges"]], unk_token="<unk>"))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    if post_processor is not None:
        tokenizer.post_processor = post_processor
    if added:
        tokenizer.add_tokens(list(added))
    json_text = json.loads(tokenizer.to_str())
    shared = model_class is None
    if shared:
        json_text["model"] = {**json_text["model"], "vocab": {}, "merges": []}
    return name, tokenizer, {"tokenizer": json_text, "sharedModel": shared}


def forms(texts):
    model = vocabulary(texts)
    merges = [tuple(merge) for merge in model["merges"]]
    rows = [form(model, f"normalizer: {name}", each) for name, each in NORMALIZERS.items()]
    rows += [form(model, f"pre-tokenizer: {name}", None, each) for name, each in PRE_TOKENIZERS.items()]
    lower = normalizers.Lowercase()
    for name, settings in ADDED.items():
        tokens = [AddedToken(text, **{"normalized": False, **settings}) for text in ADDED_TEXTS]
        rows.append(form(model, f"added tokens: {name}", lower, pre_tokenizers.Metaspace(prepend_scheme="first"), tokens))
    rows.append(form(model, "added tokens: none normalized", None, None, [AddedToken("Th", normalized=True)]))
    fused = models.BPE(model["vocab"], merges, unk_token="<unk>", fuse_unk=True)
    whole = models.BPE(model["vocab"], merges, unk_token="<unk>", ignore_merges=True)
    for name, each in {"fuse_unk": fused, "ignore_merges": whole}.items():
        named, tokenizer, golden = form(model, f"model: {name}", None, pre_tokenizers.WhitespaceSplit(), model_class=each)
        golden["tokenizer"]["model"] = {**golden["tokenizer"]["model"], "vocab": {}, "merges": []}
        rows.append((named, tokenizer, {**golden, "sharedModel": True}))
    # Roots, so that no two ways to split a word weigh the same.
    scored = [["<unk>", 0.0]] + [[token, -2.0 - i**0.5 / 7] for token, i in sorted(model["vocab"].items()) if i > 2][:500]
    unigram = models.Unigram([tuple(pair) for pair in scored], unk_id=0, byte_fallback=False)
    rows.append(form(model, "model: Unigram", None, pre_tokenizers.Metaspace(), model_class=unigram))
    template = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    rows.append(form(model, "template: begin and end", None, pre_tokenizers.Metaspace(), post_processor=template))
    write_json(
        GOLDENS / "tokenizer-forms.json",
        {
            "digestDigits": DIGEST_DIGITS,
            "promptStride": PROMPT_STRIDE,
            "promptCount": PROMPT_COUNT,
            "vocabulary": [token for token, _ in sorted(model["vocab"].items(), key=lambda item: item[1])],
            "merges": [" ".join(merge) for merge in merges],
            "forms": [{"name": name, **golden, "digests": digests(made, texts)} for name, made, golden in rows],
        },
    )


def real(texts, smollm2, gemma3):
    made = {
        "gpt2": Tokenizer.from_str(gzip.decompress(GPT2.read_bytes()).decode("utf-8")),
        "stories260k": Tokenizer.from_file(str(STORIES)),
    }
    if smollm2:
        made["smollm2"] = Tokenizer.from_file(str(smollm2 / "tokenizer.json"))
    if gemma3:
        from transformers.integrations.gguf.gguf_tokenizer_mapping import convert_gguf_tokenizer, get_gguf_tokenizer

        architecture, dictionary, _ = get_gguf_tokenizer(str(gemma3))
        made["gemma3"] = convert_gguf_tokenizer(architecture, dictionary)[0]
    rows = [{"name": name, "digests": digests(each, texts)} for name, each in made.items()]
    write_json(
        GOLDENS / "tokenizer-real.json",
        {"digestDigits": DIGEST_DIGITS, "promptStride": PROMPT_STRIDE, "promptCount": PROMPT_COUNT, "tokenizers": rows},
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smollm2", type=Path)
    parser.add_argument("--gemma3", type=Path)
    arguments = parser.parse_args()
    texts = [*TEXTS, *prompts()]
    forms(texts)
    real(texts, arguments.smollm2, arguments.gemma3)


if __name__ == "__main__":
    main()
