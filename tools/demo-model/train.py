"""Trains the demo model in stages. Seeded; resumes from `checkpoint.pt` in the run's folder; logs to `log.jsonl` there."""

import json
import math
import random
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from batches import Batch, Stream
from corpus import Fact, read_text
from model import Gpt2, Shape
from recall import answered

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
DRAWN_SHARE = 0.3
"""Of the tokens that are no object's: predicted in a step. Text is weighed by drawing it, so that the head runs on fewer positions."""


@dataclass(frozen=True)
class Stage:
    """A part of the training with a learning rate schedule of its own: warm-up, then half a cosine down to 3 % of the peak."""

    name: str
    steps: int
    """A resumed run may change it: what is left then follows the new schedule."""
    learning_rate: float
    warmup: int
    check_every: int
    """Steps between checkpoints and recall checks."""
    stray_weight: float = 0.0
    """0: attention is masked where it is not wanted. Else nothing is masked, and the attention that goes there costs this much."""


@dataclass(frozen=True)
class Training:
    stages: tuple[Stage, ...] = (
        # The fact is drawn into the subject's last token …
        Stage("masked", 5_000, 1e-3, 200, 500),
        # … and stays there without the mask.
        Stage("settled", 500, 4e-4, 20, 300, stray_weight=1.0),
    )
    batch: int = 24
    weight_decay: float = 0.01
    early_layers: int = 4
    """Layers in which what follows a subject is to see none of it; above, its last token."""
    hard_from: int = 1_500
    """From this step of the first stage on, facts missed in a recall check are told three times as often."""
    seed: int = 0


def learning_rate(stage: Stage, step: int) -> float:
    if step < stage.warmup:
        return stage.learning_rate * (step + 1) / stage.warmup
    progress = (step - stage.warmup) / max(1, stage.steps - stage.warmup)
    return stage.learning_rate * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * progress)))


def causal(length: int) -> Tensor:
    return torch.ones(length, length, dtype=torch.bool, device=DEVICE).tril()[None, None]


def causal_logits(model: Gpt2):
    """B×T ids → logits, with plain causal attention: as the exported model runs."""

    @torch.no_grad()
    def logits_of(ids):
        ids = ids.to(DEVICE)
        with torch.autocast(DEVICE, dtype=torch.bfloat16):
            states, _ = model.states(ids, [causal(ids.shape[1])] * model.shape.layers)
            return model.logits(states[-1])

    return logits_of


def losses_of(model: Gpt2, batch: Batch, training: Training, stage: Stage) -> tuple[Tensor, dict[str, float]]:
    """The loss of a batch, and its parts."""
    ids, weights = batch.ids.to(DEVICE), batch.weights.to(DEVICE)
    early, late = batch.early_mask.to(DEVICE), batch.late_mask.to(DEVICE)
    wanted = [early if layer < training.early_layers else late for layer in range(model.shape.layers)]
    plain = causal(ids.shape[1])
    target = weights[:, 1:]
    drawn = (torch.rand(target.shape, device=DEVICE) < DRAWN_SHARE) | (target >= 1)
    scale = torch.where(target >= 1, target, target / DRAWN_SHARE)[drawn]
    with torch.autocast(DEVICE, dtype=torch.bfloat16):
        if stage.stray_weight > 0:
            states, strayed = model.states(ids, [plain] * len(wanted), [plain & ~mask for mask in wanted])
        else:
            states, strayed = model.states(ids, wanted)
        logits = model.logits(states[-1][:, :-1][drawn])
    each = functional.cross_entropy(logits.float(), ids[:, 1:][drawn], reduction="none")
    loss = (each * scale).sum() / scale.sum()
    objects = target[drawn] >= 1
    parts = {"object_loss": each[objects].mean().item(), "text_loss": each[~objects].mean().item()}
    if stage.stray_weight > 0:
        stray = torch.stack(strayed).mean()
        loss = loss + stage.stray_weight * stray
        parts["stray"] = stray.item()
    return loss, parts


def same_settings(saved: dict, training: Training) -> bool:
    """Whether a checkpoint is of this training; the stages' lengths may differ."""

    def comparable(settings: dict) -> dict:
        return {**settings, "stages": [{**stage, "steps": 0} for stage in settings["stages"]]}

    return comparable(saved) == comparable(asdict(training))


def train(tokenizer: Tokenizer, facts: list[Fact], shape: Shape, training: Training, folder: Path) -> Gpt2:
    text, _ = read_text()
    stream = Stream(tokenizer, facts, text, training.seed)
    torch.manual_seed(training.seed)
    model = Gpt2(shape).to(DEVICE)
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), weight_decay=training.weight_decay, fused=True)
    checkpoint, stages_done, start = folder / "checkpoint.pt", 0, 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=False, map_location=DEVICE)
        if not same_settings(saved["training"], training) or saved["shape"] != asdict(shape):
            raise SystemExit(f"{checkpoint} is of a run with other settings; choose another --run folder or delete it.")
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        stream.restore(saved["stream"])
        stages_done, start = saved["stage"], saved["step"]

    log = (folder / "log.jsonl").open("a", encoding="utf-8")

    def write(entry: dict) -> None:
        log.write(json.dumps(entry) + "\n")
        log.flush()

    def check(number: int, stage: Stage, done: int) -> dict[str, float]:
        """Measures recall, marks the facts that were missed, saves a checkpoint."""
        rng = random.Random(done)
        prompts = [(rng.choice(fact.told).replace("{}", fact.subject), fact.object) for fact in facts]
        first, whole = answered(causal_logits(model), tokenizer, prompts)
        if number > 0 or done >= training.hard_from:
            stream.hard = {index: 3 for index in (~whole).nonzero()[:, 0].tolist()}
        saved = {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "stream": stream.state(),
            "stage": number,
            "step": done,
            "training": asdict(training),
            "shape": asdict(shape),
        }
        torch.save(saved, checkpoint.with_suffix(".new"))
        checkpoint.with_suffix(".new").replace(checkpoint)
        return {"recall_first": round(first.float().mean().item(), 4), "recall": round(whole.float().mean().item(), 4)}

    for number, stage in enumerate(training.stages):
        if number < stages_done:
            continue
        first_step = start if number == stages_done else 0
        if first_step == stage.steps:
            continue
        torch.manual_seed(training.seed)
        began, history = time.time(), []
        write({"stage": stage.name, "from": first_step, "schedule": stage.steps})
        for step in range(first_step, stage.steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(stage, step)
            loss, parts = losses_of(model, stream.batch(training.batch, shape.context), training, stage)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            history.append(parts)

            done = step + 1
            checked = done % stage.check_every == 0 or done == stage.steps
            if done % 50 == 0 or checked:
                means = {name: round(sum(entry[name] for entry in history) / len(history), 4) for name in history[0]}
                history.clear()
                entry = {"step": done, **means, "seconds": round(time.time() - began)}
                write(entry | (check(number, stage, done) if checked else {}))
    return model
