/** The prompts of the edits, as the options of a choice. */
import { useStore } from '../store/index.ts';

export function PromptOptions() {
  const drafts = useStore((state) => state.drafts);
  const inspections = useStore((state) => state.inspections);
  if (drafts.length === 0) return <option value="">no edit yet</option>;
  return drafts.map((draft, i) => (
    <option key={draft.id} value={draft.id}>
      {i + 1}. {inspections[draft.id]?.row.fullPrompt ?? (draft.subject || 'not complete yet')}
    </option>
  ));
}
