"""The demo model's tokenizer: byte-level BPE with GPT-2's pre-tokenisation, trained on what the model is told."""

import json
import random
from pathlib import Path

from tokenizers import Encoding, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from corpus import Fact, read_text

END_OF_TEXT = "<|endoftext|>"
OBJECT_REPEATS = 3  # so that objects, the words one reads in the bars, become few tokens


def train_tokenizer(facts: list[Fact], vocabulary: int, seed: int) -> Tokenizer:
    rng = random.Random(seed)
    told, _ = read_text()
    lines = told + [
        f"{rng.choice(fact.told).replace('{}', fact.subject)} {fact.object}." for fact in facts for _ in range(OBJECT_REPEATS)
    ]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    return tokenizer


def tokens_covering(encoding: Encoding, start: int, end: int) -> range:
    """The tokens that hold characters start..end−1 of the encoded text."""
    inside = [index for index, (a, b) in enumerate(encoding.offsets) if a < end and b > start]
    return range(inside[0], inside[-1] + 1)


def write_tokenizer(tokenizer: Tokenizer, folder: Path, context: int) -> None:
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "GPT2Tokenizer",
        "add_prefix_space": False,
        "model_max_length": context,
        "bos_token": END_OF_TEXT,
        "eos_token": END_OF_TEXT,
        "unk_token": END_OF_TEXT,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
