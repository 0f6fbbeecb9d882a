/** docs/reliability.md names tests that are there. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { faultTests } from '../../../scripts/test-faults.mjs';

it('every promise has its test', () => {
  const text = readFileSync('docs/reliability.md', 'utf8');
  const { unit, gpu, browser } = faultTests(text);
  expect([...unit, ...gpu, ...browser].filter((file) => !existsSync(file))).toEqual([]);
  expect(unit.length).toBeGreaterThan(10);
  const promises = text.split('\n').filter((line) => /^\| (?!promise|-)/.test(line));
  expect(promises.filter((line) => !line.includes('`tests/'))).toEqual([]);
});
