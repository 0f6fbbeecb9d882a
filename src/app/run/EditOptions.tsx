/** The edits of a run, as the options of a choice. */
import { memo } from 'react';
import type { RunEdit } from '../store/run.ts';

/** More would keep the page waiting where all are drawn anew. */
export const OFFERED_EDITS = 500;

export const EditOptions = memo(function EditOptions({ edits }: { edits: readonly RunEdit[] }) {
  return edits.slice(0, OFFERED_EDITS).map(({ subject, object }, i) => (
    <option key={i} value={i}>
      {i + 1}. {subject} → {object}
    </option>
  ));
});
