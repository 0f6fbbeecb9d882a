"""GPT-2 as transformers defines it, with an attention mask per layer, which training needs and transformers does not offer."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Shape:
    vocabulary: int = 6144
    context: int = 128
    width: int = 256
    layers: int = 8
    heads: int = 4


class Block(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.heads = shape.heads
        self.ln_1 = nn.LayerNorm(shape.width)
        self.attn_in = nn.Linear(shape.width, 3 * shape.width)
        self.attn_out = nn.Linear(shape.width, shape.width)
        self.ln_2 = nn.LayerNorm(shape.width)
        self.mlp_in = nn.Linear(shape.width, 4 * shape.width)
        self.mlp_out = nn.Linear(4 * shape.width, shape.width)

    def forward(self, x: Tensor, mask: Tensor, unwanted: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """x: B×T×D; mask: B×1×T×T, True where a query may see a key.

        Also returns −log(1 − attention that goes to `unwanted` keys, B×1×T×T), the mean over heads and the queries that have such keys.
        """
        batch, length, width = x.shape
        head = width // self.heads
        qkv = self.attn_in(self.ln_1(x)).view(batch, length, 3, self.heads, head).permute(2, 0, 3, 1, 4)
        strayed = None
        if x.is_cuda and unwanted is None:
            mixed = functional.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], attn_mask=mask)
        else:  # on CPUs, several times faster than the fused kernel at these lengths
            scores = (qkv[0] @ qkv[1].transpose(-1, -2) / math.sqrt(head)).masked_fill(~mask, -1e4)
            shares = scores.softmax(-1)
            mixed = shares.to(qkv.dtype) @ qkv[2]
            if unwanted is not None:
                stray = (shares.float() * unwanted).sum(-1).clamp(max=0.999)
                strayed = -torch.log1p(-stray)[unwanted.any(-1).expand_as(stray)].mean()
        x = x + self.attn_out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp_out(functional.gelu(self.mlp_in(self.ln_2(x)), approximate="tanh")), strayed


class Gpt2(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.wte = nn.Embedding(shape.vocabulary, shape.width)
        self.wpe = nn.Embedding(shape.context, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.ln_f = nn.LayerNorm(shape.width)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                deep = name.endswith(("attn_out.weight", "mlp_out.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * shape.layers) if deep else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def states(self, ids: Tensor, masks: list[Tensor], unwanted: list[Tensor] | None = None) -> tuple[list[Tensor], list[Tensor]]:
        """ids: B×T; masks: one for each of the first layers. Returns the output of each of those layers, B×T×D, and what strayed in each."""
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1], device=ids.device))
        outputs, strayed = [], []
        for layer, mask in enumerate(masks):
            x, stray = self.blocks[layer](x, mask, unwanted and unwanted[layer])
            outputs.append(x)
            if stray is not None:
                strayed.append(stray)
        return outputs, strayed

    def logits(self, state: Tensor) -> Tensor:
        """Of states of the last layer."""
        return functional.linear(self.ln_f(state), self.wte.weight)

    def transformers_state(self) -> dict[str, Tensor]:
        """The weights under GPT2LMHeadModel's names; its Conv1D stores the transpose of a Linear."""
        state = {
            "transformer.wte.weight": self.wte.weight,
            "transformer.wpe.weight": self.wpe.weight,
            "transformer.ln_f.weight": self.ln_f.weight,
            "transformer.ln_f.bias": self.ln_f.bias,
        }
        names = {"attn_in": "attn.c_attn", "attn_out": "attn.c_proj", "mlp_in": "mlp.c_fc", "mlp_out": "mlp.c_proj"}
        for index, block in enumerate(self.blocks):
            for ours, parameter in block.named_parameters():
                module, kind = ours.rsplit(".", 1)
                value = parameter.T if module in names and kind == "weight" else parameter
                state[f"transformer.h.{index}.{names.get(module, module)}.{kind}"] = value
        return {name: value.detach().contiguous() for name, value in state.items()}
