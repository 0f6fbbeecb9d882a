#!/usr/bin/env python3
"""Token ids and look-up tokens of CounterFact's prompts, by the Python `tokenizers` and the reference's rule.

Writes goldens/lookup-gpt2.json (all prompts, GPT-2's own tokenizer) and goldens/lookup-llama-form.json (every 23rd prompt,
a tokenizer of Llama 2's form). The latter is made here, in models/llama-form/: byte-fallback BPE, ▁ for spaces and before
the first word, and a begin token, learnt from the first prompts of the same file. Commas stay with their words when it
learns, so that tokens reach across the end of the subject far more often than in Llama's own vocabulary.

    python tests/reference/lookup_oracle.py

The reference (rome/repr_tools.get_words_idxs_in_templates) tokenises the text before the subject, without its last
space, and the subject with a leading space, each on its own; the look-up token is the last of both together. It never asks
whether these tokens are those of the sentence. So beside it stands the last token whose characters, as the encoding tells
them, overlap the subject's.
"""

import csv
import gzip
import hashlib
import json

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from common import GOLDENS, REFERENCE, write_json

PROMPTS = REFERENCE.parent.parent / "tools/demo-model/data/counterfact.csv"
GPT2 = REFERENCE / "models/gpt2/tokenizer.json.gz"
LLAMA_FORM = REFERENCE / "models/llama-form/tokenizer.json"

BLOCK = 100
# Hexadecimal digits kept of the digest of one prompt's ids: enough to find a mismatch, not to defend against one.
DIGEST_DIGITS = 8

LLAMA_VOCABULARY = 2000
# Rarer characters have no token of their own and fall back to bytes.
LLAMA_ALPHABET = 56
LLAMA_TRAINING_PROMPTS = 4000
LLAMA_STRIDE = 23


def read_prompts():
    with PROMPTS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def template_of(row):
    """The prompt with {} in place of its subject, which every prompt holds exactly once."""
    parts = row["prompt"].split(row["subject"])
    if len(parts) != 2 or "{}" in row["prompt"] or (parts[0] and parts[0][-1] != " "):
        raise SystemExit(f"The rule does not fit the prompt of case {row['case_id']}.")
    return parts


def reference_parts(row, encode):
    """Ids of the text before the subject, of the subject and of the rest, as the reference tokenises them."""
    before, after = template_of(row)
    subject = row["subject"]
    return encode(before[:-1]), encode(f" {subject.strip()}" if before else subject), encode(after)


def overlapping(encoding, row):
    """Index of the last token whose characters overlap the subject's."""
    start = len(template_of(row)[0])
    end = start + len(row["subject"])
    return max(i for i, (first, last) in enumerate(encoding.offsets) if first < end and last > start)


def with_space(target):
    return target if target.startswith(" ") else f" {target}"


def gpt2():
    text = gzip.decompress(GPT2.read_bytes())
    tokenizer = Tokenizer.from_str(text.decode("utf-8"))
    encode = lambda part: tokenizer.encode(part).ids
    rows = read_prompts()
    lookup, digests, seams = [], [], []
    for row in rows:
        encoding = tokenizer.encode(row["prompt"])
        prefix, subject, suffix = reference_parts(row, encode)
        index = len(prefix) + len(subject) - 1
        if prefix + subject + suffix != encoding.ids:
            # The subject's last characters are part of a token that goes beyond it.
            seams.append(
                {
                    "caseId": int(row["case_id"]),
                    "subject": row["subject"],
                    "token": tokenizer.decode([encoding.ids[index]]),
                    "lookup": overlapping(encoding, row),
                }
            )
        elif overlapping(encoding, row) != index:
            raise SystemExit(f"Rule and characters disagree in case {row['case_id']}.")
        ids = [encoding.ids, encode(with_space(row["target_true"])), encode(with_space(row["target_new"]))]
        lookup.append(index)
        digests.append(sha256("|".join(",".join(map(str, part)) for part in ids).encode())[:DIGEST_DIGITS])
    write_json(
        GOLDENS / "lookup-gpt2.json",
        {
            "tokenizer": {"file": GPT2.relative_to(REFERENCE).as_posix(), "sha256": sha256(text)},
            "prompts": {"count": len(rows), "sha256": sha256(PROMPTS.read_bytes())},
            "digestDigits": DIGEST_DIGITS,
            "blocks": [
                {
                    "first": first,
                    "lookup": lookup[first : first + BLOCK],
                    "digests": "".join(digests[first : first + BLOCK]),
                }
                for first in range(0, len(rows), BLOCK)
            ],
            "seams": seams,
        },
    )
    print(f"GPT-2: {len(rows)} prompts, {len(seams)} with a token across the subject's end")


def make_llama_form():
    special = ["<unk>", "<s>", "</s>"]
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    # Learnt word by word, so that no token spans a space; applied to the whole text, as Llama's is.
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=True)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=LLAMA_VOCABULARY,
        limit_alphabet=LLAMA_ALPHABET,
        special_tokens=special + byte_tokens,
        show_progress=False,
    )
    tokenizer.train_from_iterator([row["prompt"] for row in read_prompts()[:LLAMA_TRAINING_PROMPTS]], trainer)
    described = json.loads(tokenizer.to_str())
    described["pre_tokenizer"]["split"] = False
    described["added_tokens"] = [token for token in described["added_tokens"] if token["content"] in special]
    described["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [
            {"SpecialToken": {"id": "<s>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "<s>", "type_id": 1}},
            {"Sequence": {"id": "B", "type_id": 1}},
        ],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [special.index("<s>")], "tokens": ["<s>"]}},
    }
    LLAMA_FORM.parent.mkdir(parents=True, exist_ok=True)
    LLAMA_FORM.write_text(json.dumps(described, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    return Tokenizer.from_file(str(LLAMA_FORM))


def llama_form():
    tokenizer = make_llama_form()
    prompts = []
    for row in read_prompts()[::LLAMA_STRIDE][:500]:
        encoding = tokenizer.encode(row["prompt"])
        prefix, subject, _ = reference_parts(row, lambda part: tokenizer.encode(part, add_special_tokens=False).ids)
        parts = prefix + subject
        prompts.append(
            {
                "caseId": int(row["case_id"]),
                "ids": encoding.ids,
                "lookup": overlapping(encoding, row),
                # The begin token comes before both parts; the reference's own tokenizer call would count it twice.
                "parts": len(parts),
                "partsFit": parts == encoding.ids[1 : 1 + len(parts)],
                "targetIds": tokenizer.encode(with_space(row["target_new"]), add_special_tokens=False).ids,
            }
        )
    write_json(
        GOLDENS / "lookup-llama-form.json",
        {
            "tokenizer": {
                "file": LLAMA_FORM.relative_to(REFERENCE).as_posix(),
                "sha256": sha256(LLAMA_FORM.read_bytes()),
            },
            "prompts": {"count": len(prompts), "sha256": sha256(PROMPTS.read_bytes())},
            "edits": prompts,
        },
    )
    byte_ids = {tokenizer.token_to_id(f"<0x{byte:02X}>") for byte in range(256)}
    with_bytes = sum(bool(byte_ids & set(prompt["ids"])) for prompt in prompts)
    fitting = [prompt for prompt in prompts if prompt["partsFit"]]
    if any(prompt["lookup"] != prompt["parts"] for prompt in fitting):
        raise SystemExit("Rule and characters disagree.")
    agreeing = sum(prompt["lookup"] == prompt["parts"] for prompt in prompts)
    print(f"Llama's form: {len(prompts)} prompts, {with_bytes} with byte tokens, {len(fitting)} whose parts fit, {agreeing} agreeing")


if __name__ == "__main__":
    gpt2()
    llama_form()
