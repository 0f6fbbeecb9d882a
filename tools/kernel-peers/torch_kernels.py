"""Times the cases of bench/kernels with PyTorch: cuBLAS and cuSOLVER on an NVIDIA card, the CPU's libraries elsewhere.

Reads a JSON list of cases (bench/kernels/cases.ts) from standard input and writes {"device", "milliseconds"}, one number per case, or
null where there is nothing to compare with. float32 throughout, without TF32. Needs PyTorch.
"""

import json
import statistics
import sys
import time

import torch

SAMPLES = 9
SAMPLE_SECONDS = 0.06

torch.backends.cuda.matmul.allow_tf32 = False
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def synchronize():
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def random(*shape, dtype=torch.float32):
    return (torch.rand(*shape, device=DEVICE) - 0.5).to(dtype)


def definite(size):
    values = random(size, size)
    values = (values + values.T) / 2
    values.fill_diagonal_(size**0.5)
    return values


def work_of(case):
    """A function that does the case once, or None."""
    operation = case["operation"]
    if operation == "matmul":
        dtype = torch.float16 if case.get("half") else torch.float32
        if case.get("half") and DEVICE.type == "cpu":
            return None
        m, n, k = case["m"], case["n"], case["k"]
        a = random(k, m, dtype=dtype).T if case.get("transposeA") else random(m, k, dtype=dtype)
        b = random(n, k, dtype=dtype).T if case.get("transposeB") else random(k, n, dtype=dtype)
        return lambda: a @ b
    if operation == "gram":
        x, c = random(case["count"], case["size"]), random(case["size"], case["size"])
        return lambda: c.addmm_(x.T, x)
    if operation == "cholesky":
        a = definite(case["size"])
        return lambda: torch.linalg.cholesky(a)
    if operation == "triangular":
        factor = torch.linalg.cholesky(definite(case["size"]))
        b = random(case["size"], case["count"])
        return lambda: torch.linalg.solve_triangular(factor, b, upper=False)
    c, keys = definite(case["size"]), random(case["count"], case["size"])
    return lambda: torch.cholesky_solve(keys.T, torch.linalg.cholesky(torch.addmm(c, keys.T, keys)))


def milliseconds(case):
    work = work_of(case)
    if work is None:
        return None
    for _ in range(3):
        work()
    synchronize()

    def timed(count):
        start = time.perf_counter()
        for _ in range(count):
            work()
        synchronize()
        return time.perf_counter() - start

    repeats = max(1, min(64, round(SAMPLE_SECONDS / max(timed(1), 1e-6))))
    return 1e3 * statistics.median(timed(repeats) / repeats for _ in range(SAMPLES))


if __name__ == "__main__":
    device = torch.cuda.get_device_name() if DEVICE.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(json.dumps({"device": device, "milliseconds": [milliseconds(case) for case in json.load(sys.stdin)]}))
