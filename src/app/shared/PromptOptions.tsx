/** The prompts of the edits, as the options of a choice. */
import { useStore } from '../store/index.ts';

/** More would keep the page waiting at every letter that is typed. */
const OFFERED = 500;

/** @param chosen the id of the one that is chosen, which is offered wherever it stands */
export function PromptOptions({ chosen }: { chosen: string }) {
  const drafts = useStore((state) => state.drafts);
  const inspections = useStore((state) => state.inspections);
  if (drafts.length === 0) return <option value="">no edit yet</option>;
  const offered = drafts.flatMap((draft, i) => (i < OFFERED || draft.id === chosen ? [{ draft, number: i + 1 }] : []));
  return (
    <>
      {offered.map(({ draft, number }) => (
        <option key={draft.id} value={draft.id}>
          {number}. {inspections[draft.id]?.row.fullPrompt ?? (draft.subject || 'not complete yet')}
        </option>
      ))}
      {drafts.length > OFFERED && <option disabled>The others are traced from their rows.</option>}
    </>
  );
}
