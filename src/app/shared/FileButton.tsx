/** A button that lets the user choose a file. */
import { useRef, type ReactNode } from 'react';
import { Button } from './Button.tsx';

interface FileButtonProps {
  /** What the file is, for those who do not see the button. */
  label: string;
  accept?: string;
  disabled?: boolean;
  onChoose: (file: File) => void;
  children: ReactNode;
}

export function FileButton({ label, accept, disabled = false, onChoose, children }: FileButtonProps) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button icon="up" disabled={disabled} onClick={() => input.current?.click()}>
        {children}
      </Button>
      <input
        ref={input}
        type="file"
        hidden
        accept={accept}
        aria-label={label}
        onChange={(event) => {
          const file = event.target.files?.[0];
          // Emptied, so that choosing the same file again is a change.
          event.target.value = '';
          if (file) onChoose(file);
        }}
      />
    </>
  );
}
