/** Damage on what was not edited: perplexity and divergence against PyTorch, facts by hand, and the patch stack. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CancelledError, EngineError } from '../../../src/engine/errors.ts';
import { DamageMeter, DISTANCES, drawDamageSample, type DamageSample } from '../../../src/engine/evaluation/damage.ts';
import { scoreAnswers } from '../../../src/engine/evaluation/score.ts';
import type { EditedWeights } from '../../../src/engine/model/weight-set.ts';
import { FactList } from '../../../src/engine/tokens/fact-list.ts';
import { answerText } from '../../../src/engine/tokens/request.ts';
import { expectBelow } from '../compare.ts';
import { DEMO_MODEL, golden, openModel, scaledWeights } from '../support.ts';
import { measureDamage } from '../../../src/engine/session/damage.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';

interface DamageGolden {
  layers: number[];
  scale: number;
  damage: { sentences: number; perplexity: { before: number; after: number }; divergence: number };
}

const { layers, scale, damage: oracle } = golden<DamageGolden>('demo-evaluation');
const heldOut = readFileSync(`${DEMO_MODEL}/held-out.txt`, 'utf8').trim().split('\n').slice(0, oracle.sentences);

let bench: ModelSession;

beforeAll(async () => {
  bench = await openModel(DEMO_MODEL);
});

afterAll(() => bench.dispose());

/** The change that the oracle makes to the model as well. */
const scaled = (): Promise<EditedWeights> => scaledWeights(bench.model, layers, scale);

describe('a sample', () => {
  const fact = (
    subject: string,
    object: string,
    known = true,
  ): { subject: string; object: string; known: boolean } => ({
    subject,
    object,
    known,
  });
  const relation = (id: string, facts: ReturnType<typeof fact>[]): FactList['relations'][number] => ({
    id,
    label: `label of ${id}`,
    templates: ['{} is', '{} was'],
    facts,
  });
  const book = new FactList([
    relation('P1', [fact('Ann', 'x'), fact('Bob', 'x'), fact('Cid', 'y'), fact('Dan', 'x', false)]),
    relation('P2', [fact('Eve', 'z'), fact('Ann', 'z')]),
  ]);
  const edit = { prompt: '{} is', subject: 'Ann', targetNew: 'y', targetTrue: 'x', relationId: 'P1' };

  it('holds known facts of subjects that were not edited, by how close they are', () => {
    const { questions, population } = drawDamageSample(book.known(), [edit], [], 100, 0);
    expect(questions).toEqual([
      { prompt: 'Bob is', object: 'x', relation: 'label of P1', distance: 'neighbour' },
      { prompt: 'Cid is', object: 'y', relation: 'label of P1', distance: 'relation' },
      { prompt: 'Eve is', object: 'z', relation: 'label of P2', distance: 'other' },
    ]);
    expect(population).toEqual({ neighbour: 1, relation: 1, other: 1 });
  });

  it('is the same for the same seed, and another for another', () => {
    const draw = (seed: number): DamageSample => drawDamageSample(bench.facts!.known(), [edit], [], 30, seed);
    expect(draw(1)).toEqual(draw(1));
    expect(draw(2)).not.toEqual(draw(1));
    expect(new Set(draw(1).questions.map(({ prompt }) => prompt)).size).toBe(draw(1).questions.length);
  });
});

describe('a meter', () => {
  it('finds PyTorch’s perplexities and divergence', async () => {
    const sample = drawDamageSample([], [], heldOut, 0, 0);
    const meter = await DamageMeter.open(bench.model, bench.tokenizer, bench.model.weights, sample);
    const after = await scaled();
    const { perplexity, divergence, keptOverall } = await meter.measure(after);
    after.dispose();
    const { before } = oracle.perplexity;
    expectBelow('perplexity before', Math.abs((meter.perplexityBefore ?? NaN) / before - 1), 1e-4);
    expectBelow('perplexity after', Math.abs((perplexity ?? NaN) / oracle.perplexity.after - 1), 1e-4);
    expectBelow('divergence', Math.abs((divergence?.mean ?? NaN) / oracle.divergence - 1), 1e-4);
    expect(divergence?.records).toBe(heldOut.length);
    expect(keptOverall).toBeNull();
  });

  it('counts the facts that are still answered among those that were', async () => {
    const { model, tokenizer } = bench;
    const edit = { prompt: '{}', subject: 'nobody', targetNew: 'x', targetTrue: 'French', relationId: 'P103' };
    const sample = drawDamageSample(bench.facts!.known(), [edit], [], 60, 3);
    const after = await scaled();
    const damage = await (await DamageMeter.open(model, tokenizer, model.weights, sample)).measure(after);
    const says = async (weights: EditedWeights | typeof model.weights): Promise<boolean[]> => {
      const items = sample.questions.map(({ prompt, object }) => ({
        promptIds: tokenizer.encode(prompt, { special: true }),
        answerIds: tokenizer.encode(answerText(object), { special: false }),
      }));
      return (await scoreAnswers(model, weights, items)).map((score) => score.says);
    };
    const [was, is] = [await says(model.weights), await says(after)];
    after.dispose();
    let overall = 0;
    let all = 0;
    for (const distance of DISTANCES) {
      const asked = sample.questions
        .map((question, i) => ({ question, i }))
        .filter(({ question, i }) => question.distance === distance && was[i]);
      const share = asked.filter(({ i }) => is[i]).length / asked.length;
      expect(damage.kept[distance]?.mean).toBeCloseTo(share, 12);
      overall += share * sample.population[distance];
      all += sample.population[distance];
    }
    expect(damage.keptOverall).toBeCloseTo(overall / all, 12);
    expect(damage.relations.reduce((sum, { asked }) => sum + asked, 0)).toBe(was.filter(Boolean).length);
    expect(damage.relations.reduce((sum, { kept }) => sum + kept, 0)).toBe(
      was.filter((known, i) => known && is[i]).length,
    );
  });

  it('finds nothing where nothing was changed', async () => {
    const sample = drawDamageSample(bench.facts!.known(), [], heldOut.slice(0, 4), 9, 0);
    const meter = await DamageMeter.open(bench.model, bench.tokenizer, bench.model.weights, sample);
    const damage = await meter.measure(bench.model.weights);
    expect(damage.keptOverall).toBe(1);
    expect(damage.divergence?.mean).toBe(0);
    expect(damage.perplexity).toBe(meter.perplexityBefore);
  });

  it('can be cancelled', async () => {
    const sample = drawDamageSample(bench.facts!.known(), [], heldOut, 9, 0);
    const open = DamageMeter.open(bench.model, bench.tokenizer, bench.model.weights, sample, {
      signal: AbortSignal.abort(),
    });
    await expect(open).rejects.toThrow(CancelledError);
  });
});

it('is not measured without a patch', async () => {
  await expect(measureDamage(bench, { count: 9, seed: 0 })).rejects.toThrow(EngineError);
});
