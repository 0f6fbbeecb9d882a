"""MLP neurons that have fallen silent, and what is done about them before the model is exported."""

import torch

from batches import Batch
from model import Gpt2

SILENT = 1e-3
"""Mean square of an activation below which a neuron counts as silent."""


class Moments:
    """Second moments of what goes into a layer's MLP, D×D, and of each neuron's activation, F."""

    def __init__(self, block):
        self.inputs, self.activations, self.tokens = 0.0, 0.0, 0
        self.handles = [block.mlp_in.register_forward_hook(self.take_input), block.mlp_out.register_forward_hook(self.take_activation)]

    def take_input(self, _module, inputs, _output) -> None:
        rows = inputs[0].flatten(0, 1)
        self.inputs += rows.T @ rows
        self.tokens += len(rows)

    def take_activation(self, _module, inputs, _output) -> None:
        self.activations += inputs[0].square().sum((0, 1))


@torch.no_grad()
def wake_silent(model: Gpt2, batches: list[Batch], seed: int) -> list[int]:
    """Gives silent neurons random input weights and no output, and returns how many there were in each layer.

    What the model computes stays the same but for what the silent ones still added. Without this the keys' second moments are as
    good as singular: every edit would be solved with a matrix that cannot be inverted in the directions of those neurons.
    """
    moments = [Moments(block) for block in model.blocks]
    for batch in batches:
        causal = torch.ones(batch.ids.shape[1], batch.ids.shape[1], dtype=torch.bool).tril()[None, None]
        model.states(batch.ids, [causal] * len(moments))
    generator = torch.Generator().manual_seed(seed)
    counts = []
    for block, moment in zip(model.blocks, moments, strict=True):
        for handle in moment.handles:
            handle.remove()
        silent = (moment.activations / moment.tokens < SILENT).nonzero()[:, 0]
        directions = torch.randn(len(silent), model.shape.width, generator=generator)
        # A neuron's input then has a mean square of 1 over the tokens.
        scale = ((directions @ (moment.inputs / moment.tokens)) * directions).sum(1).rsqrt()
        block.mlp_in.weight[silent] = directions * scale[:, None]
        block.mlp_in.bias[silent] = 0
        block.mlp_out.weight[:, silent] = 0
        counts.append(len(silent))
    return counts
