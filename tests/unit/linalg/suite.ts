/** The contract of LinearAlgebra as tests: every implementation runs all of them. */
import { testMatrices } from './matrix-tests.ts';
import { testOperands } from './operand-tests.ts';
import { testRows } from './row-tests.ts';
import { testUpdates } from './update-tests.ts';
import type { Implementation, Tolerances } from './workspace.ts';

export function testLinearAlgebra(open: () => Promise<Implementation>, tolerance: Tolerances): void {
  testMatrices(open, tolerance);
  testRows(open);
  testOperands(open);
  testUpdates(open, tolerance);
}
