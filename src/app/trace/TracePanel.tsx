/** Where a fact is recalled: the trace of one prompt, the layers it speaks for, and the average over many facts. */
import panel from '../shared/Panel.module.css';
import { useStore } from '../store/index.ts';
import { BandCard } from './BandCard.tsx';
import { CurvesCard } from './CurvesCard.tsx';
import { HeatMapCard } from './HeatMapCard.tsx';
import { TraceBar } from './TraceBar.tsx';
import { TraceSettingsForm } from './TraceSettingsForm.tsx';

export function TracePanel() {
  const layerCount = useStore((state) => state.model?.layerCount ?? null);
  return (
    <div className={panel.stack}>
      <section className={panel.card} aria-label="Start a trace">
        <TraceBar />
        {layerCount !== null && <TraceSettingsForm layerCount={layerCount} />}
      </section>
      <HeatMapCard />
      {layerCount !== null && <BandCard layerCount={layerCount} />}
      <CurvesCard />
    </div>
  );
}
