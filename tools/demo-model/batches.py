"""Training sequences: fact sentences and running text in one stream, with the loss weights and attention masks of each."""

import random
from dataclasses import dataclass, replace

import torch
from tokenizers import Tokenizer
from torch import Tensor

from corpus import Fact
from tokenization import END_OF_TEXT, tokens_covering

OBJECT_WEIGHT = 1.0
TEXT_WEIGHT = 0.1
TEXT_SHARE = 0.1  # of the sentences; they are three times as long as a fact's
VARIED_SHARE = 0.04
GUIDED_SHARE = 0.9  # of the fact sentences that end with their object
BREAK_SHARE = 0.15  # sentences that begin after an end of text


@dataclass(frozen=True)
class Sentence:
    ids: list[int]
    object: range
    """The object's tokens."""
    subject: range
    """The subject's tokens; empty in running text."""
    guided: bool = False
    """Whether what follows the subject is to read it in its last token alone."""


def encode_fact(tokenizer: Tokenizer, template: str, subject: str, object_: str, *, after_text: bool) -> Sentence:
    """`template` with the subject in place of `{}`; the object in place of `{object}`, else after it. Ends with a full stop."""
    template = template if "{object}" in template else f"{template} {{object}}."
    text = " " if after_text else ""
    spans = {}
    for part in template.replace("{object}", "\0o\0").replace("{}", "\0s\0").split("\0"):
        value = {"o": object_, "s": subject}.get(part, part)
        if part in ("o", "s"):
            spans[part] = (len(text), len(text) + len(value))
        text += value
    encoding = tokenizer.encode(text)

    return Sentence(encoding.ids, tokens_covering(encoding, *spans["o"]), tokens_covering(encoding, *spans["s"]))


@dataclass(frozen=True)
class Batch:
    ids: Tensor
    """B×T."""
    weights: Tensor
    """B×T: the loss weight of predicting the token at that place."""
    early_mask: Tensor
    """B×1×T×T for the layers that build the fact: what follows a subject sees none of it."""
    late_mask: Tensor
    """B×1×T×T for the layers that read it: what follows a subject sees its last token."""


class Stream:
    """An endless, seeded stream of batches. Facts come in shuffled rounds; those in `hard` come `repeats` times a round."""

    def __init__(self, tokenizer: Tokenizer, facts: list[Fact], text: list[str], seed: int):
        self.facts = facts
        self.rng = random.Random(seed)
        self.end = tokenizer.token_to_id(END_OF_TEXT)
        self.hard: dict[int, int] = {}
        self._round: list[int] = []
        self._sentences = {}
        self._tokenizer = tokenizer
        self._text = [encoding.ids for encoding in tokenizer.encode_batch([" " + line for line in text])]
        self._text_start = [encoding.ids for encoding in tokenizer.encode_batch(text)]

    def state(self) -> tuple:
        return self.rng.getstate(), list(self._round), dict(self.hard)

    def restore(self, state: tuple) -> None:
        rng, self._round, self.hard = state
        self.rng.setstate(rng)

    def _fact(self, after_text: bool) -> Sentence:
        if not self._round:
            self._round = [index for index in range(len(self.facts)) for _ in range(self.hard.get(index, 1))]
            self.rng.shuffle(self._round)
        index = self._round.pop()
        fact = self.facts[index]
        varied = bool(fact.relation.varied) and self.rng.random() < VARIED_SHARE
        template = self.rng.choice(fact.relation.varied if varied else fact.told)
        key = (index, template, after_text)
        if key not in self._sentences:
            self._sentences[key] = encode_fact(
                self._tokenizer, template, fact.subject, fact.object, after_text=after_text
            )
        sentence = self._sentences[key]
        return replace(sentence, guided=not varied and self.rng.random() < GUIDED_SHARE)

    def batch(self, size: int, length: int) -> Batch:
        ids = torch.full((size, length), self.end)
        weights = torch.zeros(size, length)
        early = torch.ones(length, length, dtype=torch.bool).tril().repeat(size, 1, 1)
        late = early.clone()
        for row in range(size):
            place = 0
            while place < length:
                if (place == 0 and self.rng.random() < 0.5) or (place > 0 and self.rng.random() < BREAK_SHARE):
                    weights[row, place] = TEXT_WEIGHT if place > 0 else 0
                    place += 1
                    after_text = False
                else:
                    after_text = place > 0
                if self.rng.random() < TEXT_SHARE:
                    index = self.rng.randrange(len(self._text))
                    sentence = Sentence((self._text if after_text else self._text_start)[index][:96], range(0), range(0))
                else:
                    sentence = self._fact(after_text)
                taken = sentence.ids[: length - place]
                end = place + len(taken)
                ids[row, place:end] = torch.tensor(taken)
                weights[row, place:end] = TEXT_WEIGHT
                objects = sentence.object
                weights[row, place + objects.start : min(place + objects.stop, end)] = OBJECT_WEIGHT
                first, after = place + sentence.subject.start, min(place + sentence.subject.stop, end)
                if sentence.guided and after < length:
                    early[row, after:, first:after] = False
                    late[row, after:, first : after - 1] = False
                place = end
        weights[:, 0] = 0
        return Batch(ids, weights, early[:, None], late[:, None])
