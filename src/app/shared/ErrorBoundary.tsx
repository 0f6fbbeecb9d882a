/** Keeps a fault in one part of the page from blanking the rest. */
import { Component, type ErrorInfo, type ReactNode } from 'react';
import { FailureNotice } from './FailureNotice.tsx';

interface ErrorBoundaryProps {
  /** The part of the page, as in "The history". */
  part: string;
  children: ReactNode;
}

export class ErrorBoundary extends Component<ErrorBoundaryProps, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: unknown): { error: Error } {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override componentDidCatch(error: unknown, info: ErrorInfo): void {
    console.error(error, info.componentStack);
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <FailureNotice
        title={`${this.props.part} could not be shown.`}
        failure={{
          code: 'worker',
          message: error.message,
          kept: 'Your edits and patches are stored in this browser.',
          next: 'Show it again, or reload the page.',
        }}
        action={{ label: 'Show it again', onAct: () => this.setState({ error: null }) }}
      />
    );
  }
}
