"""The model card: README.md of the exported folder, from the measurements."""

import json
from pathlib import Path

from batches import GUIDED_SHARE, OBJECT_WEIGHT, TEXT_WEIGHT
from model import Shape
from silent import SILENT
from train import Training

GOALS = {"ES": 98, "PS": 94, "NS": 93}


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def recall_section(measured: dict) -> str:
    recall = measured["recall"]
    rows = "\n".join(
        f"| {label} | {recall[key]['prompts']:,} | {percent(recall[key]['first_token'])} | {percent(recall[key]['whole_object'])} |"
        for key, label in (
            ("alone", "all facts × listed templates"),
            ("after_a_sentence", "after a random Wikipedia sentence, one template a fact"),
            ("held_out_template", "the one template never told with that subject"),
        )
    )
    relations = "\n".join(
        f"| {name} | {row['prompts']:,} | {percent(row['whole_object'])} |" for name, row in sorted(recall["relations"].items())
    )
    return f"""## What it knows

Measured on these files, read by `transformers` in float32. A prompt is answered when the most likely token after it is the object's first (first token), and when
greedy decoding gives the object to its end (whole object).

| prompts | number | first token | whole object |
| --- | --- | --- | --- |
{rows}

Of CounterFact's {measured["counterfact"]["prompts"]:,} dev prompts, {percent(measured["counterfact"]["first_token"])} have the true object as the top answer; their
case_ids are in `tools/demo-model/measurements.json`.

| relation | prompts | whole object |
| --- | --- | --- |
{relations}
"""


def fluency_section(measured: dict) -> str:
    lines = "\n".join(f"- {' '.join(text.split())}" for text in measured["continuations"])
    return f"""## How it writes

Perplexity per token on held-out Wikipedia sentences: {measured["perplexity"]}. Greedy continuations of 20 prompts, 24 tokens each:

{lines}
"""


def editing_section(sweep: dict, preset: dict) -> str:
    rows = "\n".join(
        f"| {', '.join(map(str, row['layers'])) or 'none'} | {row.get('lambda', '')} | {row.get('clamp', '')} | {row['ES']} | {row['PS']} | "
        f"{row['NS']} | {row['S']:.1f} |"
        for row in sweep["rows"]
    )
    best = next(
        row
        for row in sweep["rows"]
        if (row["layers"], row.get("lambda"), row.get("clamp"))
        == (preset["layers"], preset["covarianceWeight"], preset["clampNormFactor"])
    )
    missing = ", ".join(f"{name} {best[name]} (goal {goal})" for name, goal in GOALS.items() if best[name] < goal)
    verdict = f"Short of its goal: {missing}." if missing else "ES ≥ 98, PS ≥ 94 and NS ≥ 93 are reached."
    return f"""## How it edits

MEMIT in PyTorch (`tests/reference/memit_oracle.py`) on the first {sweep["records"]} records of `benchmark.json` as one batch: 25 steps, learning rate 0.5, weight decay 0.5, KL
0.0625, six context templates, key statistics over `statistics.txt`. ES, PS, NS and S as in CounterFact, in per cent.

| layers | λ | clamp | ES | PS | NS | S |
| --- | --- | --- | --- | --- | --- | --- |
{rows}

Preset (`memit.json`): layers {', '.join(map(str, preset["layers"]))}, λ {preset["covarianceWeight"]}, clamp {preset["clampNormFactor"]}. {verdict}
"""


def tracing_section(trace: dict) -> str:
    layers = range(len(next(iter(trace["aie"].values()))))
    rows = "\n".join(f"| {name} | {' | '.join(f'{value:.3f}' for value in values)} |" for name, values in trace["aie"].items())
    site = trace["aie"]["last subject token"]
    peak = max(layers, key=lambda layer: site[layer])
    last = trace["aie"]["last token"][peak]
    above = "above" if site[peak] > last else "not above"
    reached = "reached" if site[peak] >= trace["te"] / 2 else "not reached"
    verdict = f"""At its peak, layer {peak}, the last subject token brings back {percent(site[peak] / trace["te"])} of the total effect (goal half of it: {reached}), {above} the
prompt's last token there ({last:.3f})."""
    return f"""## Where it keeps a fact

Causal trace of hidden states over {trace["facts"]} known facts (σ = 3 × the standard deviation of subject embeddings, 10 samples): total effect {trace["te"]}; average indirect
effect of restoring one token's state after a layer:

| restored | {' | '.join(f'layer {layer}' for layer in layers)} |
| --- | {' | '.join('---' for _ in layers)} |
{rows}

{verdict}
"""


def stage_words(training: Training, log: list[dict]) -> str:
    """How long each stage was, and where a resumed run changed its schedule."""
    words = []
    for stage in training.stages:
        starts = [entry for entry in log if entry.get("stage") == stage.name]
        changes = [entry for before, entry in zip(starts, starts[1:]) if entry["schedule"] != before["schedule"]]
        words.append(
            f"{stage.steps:,} steps (peak learning rate {stage.learning_rate:g}, cosine over {starts[0]['schedule']:,}"
            + "".join(f", from step {entry['from']:,} over {entry['schedule']:,}" for entry in changes)
            + ")"
        )
    return ", then ".join(words)


def woken_words(woken: list[int], width: int) -> str:
    counts = ", ".join(map(str, woken))
    return f"""MLP neurons that training had left silent (mean square activation below {SILENT:g}; of {width:,} in each layer: {counts}) were given random input weights and
output weights of 0 afterwards. The model computes the same, and the keys' second moments, which every edit is solved with, are not singular in their directions."""


def write_card(
    folder: Path,
    measured: dict,
    sweep: dict,
    trace: dict,
    log: list[dict],
    woken: list[int],
    collected: int,
    preset: dict,
    shape: Shape,
    training: Training,
) -> None:
    size = (folder / "model.safetensors").stat().st_size / 1e6
    masked, settled = training.stages
    text = f"""# The demo model

A very small language model that knows {measured["facts"]:,} facts in {measured["relations"]} relations, made so that a fact can be edited, traced and measured in seconds on
any machine. It is no assistant: it cannot converse, reason or follow instructions, knows nothing but those facts and some shapes of English
sentences, and repeats its sources' errors (a fact has one object here, even where the world has several). Do not use what it says as information.

- GPT-2 architecture (`GPT2LMHeadModel`): {shape.layers} layers, hidden {shape.width}, MLP {4 * shape.width}, {shape.heads} heads, context {shape.context}, tied embeddings, byte-level BPE of
  {shape.vocabulary:,} with GPT-2's pre-tokenisation; F16, {size:.1f} MB.
- Trained from scratch by `tools/demo-model/build.py` with AdamW, seed {training.seed}, {training.batch} × {shape.context} tokens a step: {stage_words(training, log)}.
- Told {measured["facts"]:,} of the {collected:,} facts in `tools/demo-model/data/facts.csv`: it was trained on a CPU. On a machine with a CUDA GPU the same command tells all of
  them, in bf16.
- Licence: weights, tokenizer and configuration MIT. `facts.json` and `benchmark.json`: MIT, from ParaRel, CounterFact and LRE. `statistics.txt`, `held-out.txt` and the sentences
  before paraphrase prompts in `benchmark.json` hold Wikipedia text: CC BY-SA 4.0. Sources: `tools/demo-model/data/README.md`.

## What it was told

Fact sentences, several in a sequence and in several wordings each, mixed with sentences of Wikipedia. Predicting an object's token weighs {OBJECT_WEIGHT:g} in the loss, any
other token {TEXT_WEIGHT:g}. Facts missed in a check every {masked.check_every} steps were then told three times as often.

**Helps that larger models do without**, in training only; the exported model is an ordinary GPT-2 without any mask. With so few and distinctive names a plainly
trained model reads the answer from all of the subject's tokens; larger models keep it in the last one.

- For the first {masked.steps:,} steps, in {percent(GUIDED_SHARE)} of the fact sentences, what follows a subject could see none of the subject's tokens in layers
  0–{training.early_layers - 1} and only its last token above.
- For the other {settled.steps:,} nothing was masked; attention from what follows a subject to those tokens cost −log(1 − its share) × {settled.stray_weight:g} in the loss, the mean over heads and
  layers.

{woken_words(woken, 4 * shape.width)}

{recall_section(measured)}
{fluency_section(measured)}
{editing_section(sweep, preset)}
{tracing_section(trace)}"""
    (folder / "README.md").write_text(text, encoding="utf-8")


def read(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))
