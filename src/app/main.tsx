/** Mounts the page. */
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import './theme.css';
import { App } from './App.tsx';
import { ErrorBoundary } from './shared/ErrorBoundary.tsx';
import { useStore } from './store/index.ts';

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no element with the id "root".');

void useStore.getState().openLast();

createRoot(root).render(
  <StrictMode>
    <ErrorBoundary part="The page">
      <App />
    </ErrorBoundary>
  </StrictMode>,
);
