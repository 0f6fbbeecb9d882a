/** The keys that work anywhere on the page; listed in the help. */
import { useEffect } from 'react';
import { useStore } from './store/index.ts';
import { lockedBy } from './store/trace.ts';

function isTextField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName);
}

export function useShortcuts(): void {
  useEffect(() => {
    function onKey(event: KeyboardEvent): void {
      const state = useStore.getState();
      const control = event.ctrlKey || event.metaKey;
      // A dialog has the keys for itself.
      if (event.defaultPrevented || document.querySelector('[role="dialog"]')) return;
      if (control && event.key === 'Enter') {
        event.preventDefault();
        void state.startRun();
      } else if (control && !event.shiftKey && event.key.toLowerCase() === 'z' && !isTextField(event.target)) {
        event.preventDefault();
        const lock = lockedBy(state);
        if (lock !== null) state.announce(`Nothing is undone while the ${lock} goes on.`);
        else if (state.history.undoLabel === null) state.announce('There is nothing to undo.');
        else void state.undo();
      } else if (event.key === '?' && !control && !isTextField(event.target)) {
        event.preventDefault();
        state.setHelpOpen(true);
      }
    }
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
}
