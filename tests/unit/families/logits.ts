/** Logits at every position against those of `transformers`, whichever backend the model runs on. */
import { expect } from 'vitest';
import { batchOf, forwardRows, gatherTokens } from '../../../src/engine/model/forward.ts';
import type { LanguageModel } from '../../../src/engine/model/language-model.ts';
import { readFloats } from '../../../src/engine/runtime/device.ts';
import { scoped } from '../../../src/engine/runtime/scope.ts';
import { golden } from '../support.ts';

export interface LogitSequence {
  ids: number[];
  /** Largest less smallest logit, per position. */
  spread: number[];
  /** Every `stride`-th logit, per position. */
  logits: number[][];
}

export interface LogitSequences {
  stride: number;
  sequences: LogitSequence[];
}

export function tinySequences(): LogitSequences {
  return stridedSequences('tiny-gpt2');
}

/** Those of a family's golden, by the name that family_oracle.py was given. */
export function familySequences(name: string): LogitSequences {
  return stridedSequences(`family-${name}`);
}

export function demoSequences(): LogitSequences {
  const { logitStride, sequences } = golden<{ logitStride: number; sequences: LogitSequence[] }>('demo-predictions');
  return { stride: logitStride, sequences };
}

function stridedSequences(name: string): LogitSequences {
  const { logitStride, sequences } = golden<{
    logitStride: number;
    sequences: { ids: number[]; spread: number[]; strided: number[][] }[];
  }>(name);
  return {
    stride: logitStride,
    sequences: sequences.map(({ ids, spread, strided }) => ({ ids, spread, logits: strided })),
  };
}

/** The largest difference over all positions, against the spread of the logits there. */
export async function worstLogit(
  { model }: { readonly model: LanguageModel },
  { stride, sequences }: LogitSequences,
): Promise<number> {
  const { vocabularySize } = model.config;
  let worst = 0;
  for (const { ids, spread, logits } of sequences) {
    const actual = await scoped(async (scope) => {
      const hidden = scope.track(await forwardRows(model, model.weights, batchOf([ids])));
      const positions = ids.map((_, position) => position);
      const states = scope.track(
        await gatherTokens(
          model,
          hidden,
          positions,
          positions.map(() => 0),
        ),
      );
      return readFloats(model.runtime.device, scope.track(await model.logits(model.weights, states)));
    });
    expect(logits.length).toBe(ids.length);
    logits.forEach((expected, position) => {
      expected.forEach((value, i) => {
        const difference = Math.abs(actual[position * vocabularySize + i * stride] - value);
        worst = Math.max(worst, difference / spread[position]);
      });
    });
  }
  return worst;
}
