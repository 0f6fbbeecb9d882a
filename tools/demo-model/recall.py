"""Recall by greedy decoding, teacher-forced: is every token of the object the most likely one?"""

from collections.abc import Iterable

import torch
from tokenizers import Tokenizer
from torch import Tensor


def answered(logits_of, tokenizer: Tokenizer, prompts: Iterable[tuple[str, str]], batch: int = 256) -> tuple[Tensor, Tensor]:
    """For each (prompt, object): whether the object's first token, and whether all its tokens, are the argmax.

    `logits_of(ids)` maps B×T ids to B×T×V logits; shorter rows are padded at the end, which a causal model does not see.
    """
    rows = []
    for prompt, object_ in prompts:
        start = tokenizer.encode(prompt).ids
        rows.append((start, tokenizer.encode(" " + object_).ids))
    order = sorted(range(len(rows)), key=lambda index: len(rows[index][0]) + len(rows[index][1]))
    first = torch.zeros(len(rows), dtype=torch.bool)
    whole = torch.zeros(len(rows), dtype=torch.bool)
    for at in range(0, len(order), batch):
        chunk = order[at : at + batch]
        length = max(len(rows[index][0]) + len(rows[index][1]) for index in chunk)
        ids = torch.zeros(len(chunk), length, dtype=torch.long)
        for row, index in enumerate(chunk):
            both = rows[index][0] + rows[index][1]
            ids[row, : len(both)] = torch.tensor(both)
        guesses = logits_of(ids).argmax(-1)
        for row, index in enumerate(chunk):
            prompt, target = rows[index]
            right = guesses[row, len(prompt) - 1 : len(prompt) - 1 + len(target)].cpu() == torch.tensor(target)
            first[index], whole[index] = right[0], right.all()
    return first, whole
