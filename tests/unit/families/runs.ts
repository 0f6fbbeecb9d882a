/** Whole runs on token ids against those of `transformers`: MEMIT from the statistics to the edited model, and a causal trace. */
import { expect } from 'vitest';
import type { MemitSettings } from '../../../src/engine/methods/memit/settings.ts';
import { spreadUpdates } from '../../../src/engine/methods/memit/spread.ts';
import type { LanguageModel } from '../../../src/engine/model/language-model.ts';
import { EditedWeights } from '../../../src/engine/model/weight-set.ts';
import { computeSecondMoments } from '../../../src/engine/statistics/second-moment.ts';
import { optimizeTargets } from '../../../src/engine/targets/optimize.ts';
import type { EditPrompts } from '../../../src/engine/targets/prompts.ts';
import type { LocatedSubject } from '../../../src/engine/tokens/lookup.ts';
import type { ModelTokenizer } from '../../../src/engine/tokens/tokenizer.ts';
import type { GridSpec } from '../../../src/engine/tracing/settings.ts';
import { subjectNoise } from '../../../src/engine/tracing/subject-noise.ts';
import { tracePrompt } from '../../../src/engine/tracing/trace.ts';
import { expectBelow, relativeError } from '../compare.ts';
import { nextTokenLogits } from '../support.ts';

interface Row {
  ids: number[];
  lookup: number;
}

/** A run of MEMIT; tests/reference/README.md says what each number is. */
export interface MemitGolden {
  settings: Omit<MemitSettings, 'seed'>;
  documents: number[][];
  edits: { contexts: Row[]; kl: Row; targetIds: number[]; losses: number[]; delta: number[] }[];
  layers: { layer: number; updateNorm: number; updateProbe: number[] }[];
  /** Of the edited model, after each edit's plain prompt. */
  logits: number[][];
}

/** A causal trace. */
export interface TraceGolden {
  ids: number[];
  subject: [number, number];
  samples: number;
  window: number;
  noise: number;
  answer: number;
  high: number;
  low: number;
  grids: (GridSpec & { scores: number[][] })[];
}

/** Second moments, targets and updates, each made of what came before; then what the edited model says. */
export async function expectMemit(name: string, model: LanguageModel, golden: MemitGolden): Promise<void> {
  const settings = { ...golden.settings, seed: 0 };
  const layer = settings.layers[settings.layers.length - 1];
  const prompts = golden.edits.map(promptsOf);
  const losses = golden.edits.map((): number[] => []);
  const targets = await optimizeTargets(model, model.weights, prompts, { ...settings, layer }, {}, (step) => {
    for (const { edit, loss } of step) losses[edit].push(loss);
  });
  for (const [i, edit] of golden.edits.entries()) {
    expect(losses[i].length).toBe(edit.losses.length);
    expectBelow(`${name}: losses of edit ${i} at every step`, relativeError(losses[i], edit.losses), 1e-3);
    expectBelow(`${name}: δ of edit ${i} after all steps`, relativeError(targets[i].delta, edit.delta), 1e-3);
  }

  const moments = await computeSecondMoments(model, golden.documents, settings.layers);
  const weights = new EditedWeights(model.weights);
  const { outcomes } = await spreadUpdates(
    model,
    weights,
    prompts,
    targets.map(({ z }) => z),
    { covarianceOf: async (each) => moments.get(each)!.matrix },
    settings,
    {},
    () => undefined,
  );
  const { linalg, family, config } = model;
  for (const [i, expected] of golden.layers.entries()) {
    const { updateNorm } = outcomes[i];
    const error = Math.abs(updateNorm - expected.updateNorm) / expected.updateNorm;
    expectBelow(`${name}: ‖ΔW‖ of layer ${expected.layer}`, error, 1e-3);
    const { tensor, fanInFanOut } = family.projections(expected.layer)['mlp-output'];
    const update = await linalg.addScaled(weights.get(tensor), 1, model.weights.get(tensor), -1);
    const product = timesProbe(update.floats, config.hiddenSize, config.intermediateSize, fanInFanOut);
    expectBelow(`${name}: ΔW of layer ${expected.layer}`, relativeError(product, expected.updateProbe), 2e-3);
  }
  const rows = golden.edits.map(({ contexts: [plain] }) => plain.ids);
  const logits = await nextTokenLogits(model, weights, rows);
  for (const [i, expected] of golden.logits.entries()) {
    const spread = Math.max(...expected) - Math.min(...expected);
    const worst = Math.max(...expected.map((value, v) => Math.abs(value - logits[i][v])));
    expectBelow(`${name}: logits after a run of MEMIT, against their spread`, worst / spread, 1e-3);
  }
  weights.dispose();
  for (const { matrix } of moments.values()) matrix.dispose();
}

export async function expectTrace(name: string, model: LanguageModel, golden: TraceGolden): Promise<void> {
  const { ids, subject, samples, window, noise } = golden;
  const tokenizer = { encode: () => ids.slice(...subject) } as unknown as ModelTokenizer;
  const strength = await subjectNoise(model, tokenizer, ['the subject']);
  expectBelow(`${name}: strength of the noise`, Math.abs(strength - noise) / noise, 1e-5);
  const settings = { samples, window, noise, severed: true, seed: 1, generator: 'numpy1' as const };
  const kinds: GridSpec['kind'][] = ['hidden', 'mlp', 'attention'];
  const trace = (await tracePrompt(model, model.weights, { ids, subject }, { ...settings, kinds }, {}))!;
  expect(trace.answer).toBe(golden.answer);
  expectBelow(`${name}: P(answer), clean`, Math.abs(trace.high - golden.high), 1e-4);
  expectBelow(`${name}: P(answer), corrupted`, Math.abs(trace.low - golden.low), 1e-4);
  expect(trace.grids).toEqual(golden.grids.map(({ kind, severed }) => ({ kind, severed })));
  for (const [grid, { kind, severed, scores }] of golden.grids.entries()) {
    expect(trace.scores[grid].map((row) => row.length)).toEqual(scores.map((row) => row.length));
    const differences = scores.flatMap((row, t) => row.map((score, l) => Math.abs(score - trace.scores[grid][t][l])));
    expectBelow(`${name}: scores, ${kind}, severed ${severed}`, Math.max(...differences), 1e-4);
  }
}

function promptsOf({ contexts, kl, targetIds }: MemitGolden['edits'][number]): EditPrompts {
  return {
    request: { prompt: '{}', subject: 'a', targetNew: 'b' },
    contexts: contexts.map(located),
    klPrompt: located(kl),
    targetIds,
  };
}

function located({ ids, lookup }: Row): LocatedSubject {
  return { ids, lookupIndex: lookup, subjectRange: [lookup, lookup + 1], method: 'parts' };
}

/** ΔW·v, [D], with v_j = sin(j + 1), j from 0, of ΔW [D, F], or stored [F, D]. */
function timesProbe(update: Float32Array, d: number, f: number, fanInFanOut: boolean): number[] {
  return Array.from({ length: d }, (_, row) => {
    let sum = 0;
    for (let j = 0; j < f; j += 1) sum += Math.sin(j + 1) * update[fanInFanOut ? j * d + row : row * f + j];
    return sum;
  });
}
