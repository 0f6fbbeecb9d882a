/** The gate where a job is held between two steps. */
import { expect, it, vi } from 'vitest';
import { PauseGate } from '../../../src/worker/pause.ts';
import { estimator } from '../../../src/worker/time-left.ts';

/** A job of steps, each behind the gate. */
function jobAt(gate: PauseGate, steps: number, signal = new AbortController().signal) {
  let made = 0;
  const done = (async () => {
    for (let i = 0; i < steps; i += 1) {
      await gate.wait(signal);
      if (signal.aborted) return;
      made += 1;
      gate.stepped();
    }
  })();
  return { made: () => made, done };
}

it('lets a job through unless it is held', async () => {
  const job = jobAt(new PauseGate(), 3);
  await job.done;
  expect(job.made()).toBe(3);
});

it('holds a job, lets it make one step, and go on', async () => {
  const gate = new PauseGate();
  const held = vi.fn();
  gate.watch(held);
  gate.hold();
  const job = jobAt(gate, 5);
  await vi.waitFor(() => expect(held).toHaveBeenCalledTimes(1));
  expect(job.made()).toBe(0);
  gate.goOn('step');
  await vi.waitFor(() => expect(held).toHaveBeenCalledTimes(2));
  expect(job.made()).toBe(1);
  gate.goOn();
  await job.done;
  expect(job.made()).toBe(5);
  expect(held).toHaveBeenCalledTimes(2);
});

it('lets go what is cancelled, and counts how long it was held', async () => {
  const gate = new PauseGate();
  const controller = new AbortController();
  gate.watch(() => undefined);
  gate.hold();
  const job = jobAt(gate, 5, controller.signal);
  await new Promise((resolve) => setTimeout(resolve, 30));
  controller.abort();
  await job.done;
  expect(job.made()).toBe(0);
  expect(gate.heldMs).toBeGreaterThan(20);
  gate.reset();
  expect(gate.heldMs).toBe(0);
  const next = jobAt(gate, 2);
  await next.done;
  expect(next.made()).toBe(2);
});

it('does not hold the job after the one that was meant', async () => {
  const gate = new PauseGate();
  gate.watch(() => undefined);
  gate.reset();
  gate.hold();
  const job = jobAt(gate, 2);
  await job.done;
  expect(job.made()).toBe(2);
});

it('time left goes by a clock that stands still while a job is held', () => {
  let now = 0;
  const left = estimator(() => now);
  left('targets', 0, 100);
  now = 10_000;
  // Half of the work in 10 s, however long it was held between.
  expect(left('targets', 50, 100)).toBeCloseTo(10);
});
