/** Time left goes by the pace of this run's own work. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { estimator } from '../../../src/worker/time-left.ts';

afterEach(() => vi.restoreAllMocks());

/** An estimator with a clock that is set, in seconds. */
function timed(): { left: ReturnType<typeof estimator>; set: (seconds: number) => void } {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => 1000 * now);
  return {
    left: estimator(),
    set: (seconds) => {
      now = seconds;
    },
  };
}

describe('time left', () => {
  it('counts from when the phase began, whatever came before', () => {
    const { left, set } = timed();
    set(100);
    expect(left('load', 0, 10)).toBeNull();
    set(104);
    expect(left('load', 2, 10)).toBe(16);
    set(1000);
    expect(left('search', 0, 4)).toBeNull();
    set(1003);
    expect(left('search', 3, 4)).toBe(1);
    expect(left('search', 4, 4)).toBe(0);
  });

  it('does not take what was there at the beginning for work of this run', () => {
    const { left, set } = timed();
    expect(left('search', 80, 100)).toBeNull();
    set(10);
    expect(left('search', 90, 100)).toBe(10);
  });

  it('says nothing by the first hundredth', () => {
    const { left, set } = timed();
    left('search', 0, 1000);
    set(1);
    expect(left('search', 10, 1000)).toBeNull();
    expect(left('search', 20, 1000)).toBe(49);
  });
});
