#!/usr/bin/env python3
"""Statistics as the reference implementation stores them, written by NumPy, in every form they come in.

    python tests/reference/npz_oracle.py

Writes goldens/npz-statistics.json: archives in base64, and the second moment each of them holds. The keys are those that the reference's
CombinedStat of one SecondMoment saves (util/runningstats.py).
"""

import base64
import io

import numpy as np

from common import GOLDENS, numbers, write_json

SEED = 0
SIZE = 48
TOKENS = 1234


def archive(save, mom2, count, **more):
    file = io.BytesIO()
    save(
        file,
        **{
            "constructor": "util.runningstats.CombinedStat()",
            "mom2.constructor": "util.runningstats.SecondMoment()",
            "mom2.count": count,
            "mom2.mom2": mom2,
            **more,
        },
    )
    return base64.b64encode(file.getvalue()).decode()


def main():
    rng = np.random.default_rng(SEED)
    keys = rng.standard_normal((TOKENS, SIZE)).astype(np.float32)
    mom2 = keys.T @ keys
    wide = keys.astype(np.float64).T @ keys.astype(np.float64)
    archives = {
        "float32": archive(np.savez, mom2, TOKENS),
        "float32 deflated": archive(np.savez_compressed, mom2, TOKENS),
        "float64 deflated": archive(np.savez_compressed, wide, np.array(TOKENS), sample_size=100000),
        "columns first": archive(np.savez_compressed, np.asfortranarray(mom2), np.int32(TOKENS)),
    }
    write_json(
        GOLDENS / "npz-statistics.json",
        {
            "size": SIZE,
            "tokens": TOKENS,
            "archives": archives,
            # The first row and the diagonal say enough.
            "row": numbers((wide[0] / TOKENS).tolist()),
            "diagonal": numbers((np.diagonal(wide) / TOKENS).tolist()),
        },
    )


if __name__ == "__main__":
    main()
