"""What the oracles share: loading a GPT-2 model in float32, taps on its blocks, and compact JSON."""

import hashlib
import json
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import GPT2LMHeadModel

REFERENCE = Path(__file__).parent
GOLDENS = REFERENCE / "goldens"


def load_model(folder):
    """The folder's GPT-2 model in float32, in evaluation mode, without gradients for its weights."""
    model = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    return model.eval().requires_grad_(False)


def load_tokenizer(folder):
    """The tokenizer exactly as tokenizer.json describes it."""
    return Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))


@contextmanager
def hooks(*handles):
    """Removes the given forward hooks at the end of the block."""
    with ExitStack() as stack:
        for handle in handles:
            stack.callback(handle.remove)
        yield


def first(output):
    """A module's hidden state, whether it returns a tensor or a tuple that starts with one."""
    return output[0] if isinstance(output, tuple) else output


def record_output(module, store, key):
    """Keeps the module's output in `store[key]`."""
    return module.register_forward_hook(lambda _module, _inputs, output: store.__setitem__(key, first(output)))


def record_input(module, store, key):
    """Keeps the module's first input in `store[key]`."""
    return module.register_forward_hook(lambda _module, inputs, _output: store.__setitem__(key, inputs[0]))


def top(log_probabilities, tokenizer, count=5):
    """The most probable tokens, best first."""
    values, ids = log_probabilities.topk(count)
    return [
        {"id": i, "token": tokenizer.decode([i], skip_special_tokens=False), "logprob": round(v, 6)}
        for v, i in zip(values.tolist(), ids.tolist())
    ]


def numbers(tensor, digits=8):
    """Nested lists of floats with `digits` significant digits, more than float32 needs to be compared at 1e-6."""
    if isinstance(tensor, torch.Tensor):
        tensor = tensor.detach().tolist()
    if isinstance(tensor, list):
        return [numbers(item, digits) for item in tensor]
    return float(f"{tensor:.{digits}g}")


def write_json(path, value):
    """JSON with one line for every list of plain values, so that a golden file stays readable and small.

    The program that runs puts its name and SHA-256 first: `npm run goldens` tells from them which files are out of date.
    """
    program = Path(sys.argv[0])
    signature = {"name": program.name, "sha256": hashlib.sha256(program.read_bytes()).hexdigest()}
    value = {"program": signature, **value}

    def lay_out(item, indent):
        inner = indent + " "
        if isinstance(item, dict) and item:
            rows = [f"{inner}{json.dumps(key)}: {lay_out(entry, inner)}" for key, entry in item.items()]
            return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
        if isinstance(item, list) and any(isinstance(entry, (dict, list)) for entry in item):
            return "[\n" + ",\n".join(inner + lay_out(entry, inner) for entry in item) + f"\n{indent}]"
        return json.dumps(item, ensure_ascii=False)

    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(lay_out(value, "") + "\n", encoding="utf-8")
