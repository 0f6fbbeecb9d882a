/** How much memory the page and its worker take: measured where the browser tells, else what the model is known to need. */
import { useEffect, useState } from 'react';
import { formatBytes } from '../format.ts';
import { Tip } from '../shared/Tip.tsx';
import { useStore } from '../store/index.ts';
import styles from './ModelBadge.module.css';

/** Of Chromium; it takes a page that is isolated from others, and waits for a collection of garbage. */
interface MeasuringPerformance extends Performance {
  measureUserAgentSpecificMemory?: () => Promise<{ bytes: number }>;
}

/** Measured again this long after the last time, in ms. */
const AGAIN_MS = 20_000;

/** Null where the browser does not tell. */
function useMeasured(): number | null {
  const [bytes, setBytes] = useState<number | null>(null);
  const model = useStore((state) => state.model);
  useEffect(() => {
    const { measureUserAgentSpecificMemory: measure } = performance as MeasuringPerformance;
    if (!model || !measure || !crossOriginIsolated) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let over = false;
    const ask = async (): Promise<void> => {
      try {
        const measured = await measure.call(performance);
        if (over) return;
        setBytes(measured.bytes);
        timer = setTimeout(() => void ask(), AGAIN_MS);
      } catch {
        // Not allowed here after all: what the model needs is shown instead.
      }
    };
    void ask();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [model]);
  return bytes;
}

export function MemoryUse() {
  const model = useStore((state) => state.model);
  const measured = useMeasured();
  if (!model) return null;
  const { needs, backend } = model;
  const weights = `The model’s weights take ${formatBytes(needs.weightBytes)} ${backend.kind === 'webgpu' ? 'on the GPU' : 'of it'}, the statistics of every layer that is edited ${formatBytes(needs.statisticsBytes)} more.`;
  const text =
    measured === null
      ? `This browser does not tell how much memory the page takes. ${weights}`
      : `What the page and its worker take now, measured by the browser${backend.kind === 'webgpu' ? ', without the GPU’s own memory' : ''}. ${weights}`;
  return (
    <Tip className={styles.part} text={text}>
      <span className={styles.memory}>
        {measured === null ? `needs ${formatBytes(needs.weightBytes)}` : `${formatBytes(measured)} in use`}
      </span>
    </Tip>
  );
}
