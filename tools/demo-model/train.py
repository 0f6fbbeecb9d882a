"""Trains the demo model. Seeded; resumes from `checkpoint.pt` in the run's folder; logs to `log.jsonl` there."""

import json
import math
import random
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch.nn import functional

from batches import Stream
from corpus import Fact, read_text
from model import Gpt2, Shape
from recall import answered

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class Training:
    steps: int = 5_000
    """Of the whole schedule. A resumed run may change it: what is left then follows the new schedule."""
    batch: int = 24
    learning_rate: float = 1e-3
    warmup: int = 200
    weight_decay: float = 0.01
    early_layers: int = 4
    """Layers in which what follows a subject sees none of it."""
    check_every: int = 500
    """Steps between checkpoints and recall checks."""
    hard_from: int = 1_500
    """From here on, facts missed in a recall check are told three times as often."""
    seed: int = 0


def learning_rate(training: Training, step: int) -> float:
    if step < training.warmup:
        return training.learning_rate * (step + 1) / training.warmup
    progress = (step - training.warmup) / max(1, training.steps - training.warmup)
    return training.learning_rate * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * progress)))


def causal_logits(model: Gpt2):
    """B×T ids → logits, with plain causal attention: as the exported model runs."""

    @torch.no_grad()
    def logits_of(ids):
        ids = ids.to(DEVICE)
        mask = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool, device=DEVICE).tril()[None, None]
        with torch.autocast(DEVICE, dtype=torch.bfloat16):
            return model.logits(model.hidden(ids, [mask] * model.shape.layers))

    return logits_of


def train(tokenizer: Tokenizer, facts: list[Fact], shape: Shape, training: Training, folder: Path) -> Gpt2:
    torch.manual_seed(training.seed)
    text, _ = read_text()
    stream = Stream(tokenizer, facts, text, training.seed)
    model = Gpt2(shape).to(DEVICE)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=training.learning_rate, betas=(0.9, 0.98), weight_decay=training.weight_decay, fused=True
    )
    checkpoint, start = folder / "checkpoint.pt", 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=False, map_location=DEVICE)
        same = {**saved["training"], "steps": training.steps} == asdict(training) and saved["shape"] == asdict(shape)
        if not same:
            raise SystemExit(f"{checkpoint} is of a run with other settings; choose another --run folder or delete it.")
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        stream.restore(saved["stream"])
        start = saved["step"]

    began, losses = time.time(), []
    log = (folder / "log.jsonl").open("a", encoding="utf-8")
    log.write(json.dumps({"from": start, "schedule": training.steps}) + "\n")
    for step in range(start, training.steps):
        batch = stream.batch(training.batch, shape.context)
        ids, weights = batch.ids.to(DEVICE), batch.weights.to(DEVICE)
        early, late = batch.early_mask.to(DEVICE), batch.late_mask.to(DEVICE)
        masks = [early if layer < training.early_layers else late for layer in range(shape.layers)]
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(training, step)
        # Text is weighed by drawing it, objects always: the head then runs on a third of the positions.
        target = weights[:, 1:]
        drawn = (torch.rand(target.shape, device=DEVICE) < 0.3) | (target >= 1)
        scale = torch.where(target >= 1, target, target / 0.3)[drawn]
        with torch.autocast(DEVICE, dtype=torch.bfloat16):
            logits = model.logits(model.hidden(ids, masks)[:, :-1][drawn])
        each = functional.cross_entropy(logits.float(), ids[:, 1:][drawn], reduction="none")
        loss = (each * scale).sum() / scale.sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        objects = target[drawn] >= 1
        losses.append((each[objects].mean().item(), each[~objects].mean().item()))

        done = step + 1
        if done % 50 == 0:
            entry = {
                "step": done,
                "object_loss": round(sum(a for a, _ in losses) / len(losses), 4),
                "text_loss": round(sum(b for _, b in losses) / len(losses), 4),
                "seconds": round(time.time() - began),
            }
            losses.clear()
            if done % training.check_every == 0 or done == training.steps:
                rng = random.Random(done)
                prompts = [(rng.choice(fact.told).replace("{}", fact.subject), fact.object) for fact in facts]
                first, whole = answered(causal_logits(model), tokenizer, prompts)
                entry |= {"recall_first": round(first.float().mean().item(), 4), "recall": round(whole.float().mean().item(), 4)}
                if done >= training.hard_from:
                    stream.hard = {index: 3 for index in (~whole).nonzero()[:, 0].tolist()}
                saved = {
                    "model": model.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "stream": stream.state(),
                    "step": done,
                    "training": asdict(training),
                    "shape": asdict(shape),
                }
                torch.save(saved, checkpoint.with_suffix(".new"))
                checkpoint.with_suffix(".new").replace(checkpoint)
            log.write(json.dumps(entry) + "\n")
            log.flush()
    return model
