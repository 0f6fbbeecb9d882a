/** Stops the job that goes on; where the step that runs cannot be interrupted, it can be ended with its worker. */
import { useEffect, useState } from 'react';
import { Button } from '../shared/Button.tsx';
import { useStore } from '../store/index.ts';

/** A step is usually shorter; then the way out is offered. */
const PATIENCE_MS = 4000;

export function StopButton({ jobId }: { jobId: string }) {
  const cancel = useStore((state) => state.cancel);
  const restart = useStore((state) => state.restart);
  const [asked, setAsked] = useState<string | null>(null);
  const [overdue, setOverdue] = useState<string | null>(null);
  useEffect(() => {
    if (asked === null) return undefined;
    const timer = setTimeout(() => setOverdue(asked), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [asked]);

  if (overdue === jobId) {
    return (
      <Button
        title="The step that runs cannot be interrupted. Ends it and opens the model again; patches, edits and targets that were found are kept."
        onClick={() => void restart()}
      >
        End it
      </Button>
    );
  }
  return (
    <Button
      disabled={asked === jobId}
      title="Cancel the current job; the model stays as it was"
      onClick={() => {
        setAsked(jobId);
        void cancel();
      }}
    >
      {asked === jobId ? 'Stopping…' : 'Stop'}
    </Button>
  );
}
