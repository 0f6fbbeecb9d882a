/** The table of golden files: complete, and able to tell a golden whose program has changed since. */
import { createHash } from 'node:crypto';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GOLDENS, stateOf, unlisted } from '../../../scripts/goldens.mjs';

const golden = { file: 'some.json', program: 'some.py' };
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'goldens-'));
  mkdirSync(join(folder, 'goldens'));
  writeFileSync(join(folder, 'some.py'), 'print(1)\n');
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function written(value: unknown): string {
  writeFileSync(join(folder, 'goldens', golden.file), JSON.stringify(value));
  return stateOf(golden, folder);
}

describe('the table of goldens', () => {
  it('lists every file, and every listed file is there', () => {
    expect(unlisted()).toEqual([]);
    expect(GOLDENS.filter((each) => stateOf(each) === 'missing')).toEqual([]);
  });

  it('tells the state of a golden from the program it records', () => {
    expect(stateOf(golden, folder)).toBe('missing');
    const sha256 = createHash('sha256').update('print(1)\n').digest('hex');
    expect(written({ program: { name: 'some.py', sha256 } })).toBe('up to date');
    expect(written({ program: { name: 'some.py', sha256: sha256.replace(/^./, 'x') } })).toBe('out of date');
    expect(written({ program: { name: 'other.py', sha256 } })).toBe('unknown');
    expect(written({})).toBe('unknown');
    expect(written([])).toBe('unknown');
    expect(stateOf({ ...golden, program: null }, folder)).toBe('made without a program');
    expect(unlisted(folder)).toEqual(['some.json']);
  });
});
