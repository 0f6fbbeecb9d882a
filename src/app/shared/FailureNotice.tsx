/** A failure in words: what happened, what was kept, what to do next, and a way to do it. */
import type { WorkerFailure } from '../../worker/api.ts';
import { Button } from './Button.tsx';
import { Icon } from './Icon.tsx';
import styles from './FailureNotice.module.css';

interface FailureNoticeProps {
  title: string;
  failure: WorkerFailure;
  action?: { label: string; onAct: () => void };
  onDismiss?: () => void;
}

export function FailureNotice({ title, failure, action, onDismiss }: FailureNoticeProps) {
  return (
    <div role="alert" className={styles.notice}>
      <Icon name="warn" size={18} />
      <div className={styles.words}>
        <p>
          <strong>{title}</strong> {failure.message}
        </p>
        {(failure.kept !== '' || failure.next !== '') && (
          <p className={styles.advice}>
            {failure.kept} {failure.next}
          </p>
        )}
        {action && <Button onClick={action.onAct}>{action.label}</Button>}
      </div>
      {onDismiss && <Button variant="quiet" icon="cross" aria-label="Dismiss" onClick={onDismiss} />}
    </div>
  );
}
