/** What every layer would say: the prompt to read, the maps before and after the patches, and the answers' way up the layers. */
import panel from '../shared/Panel.module.css';
import { useStore } from '../store/index.ts';
import { LensBar } from './LensBar.tsx';
import { LensCard } from './LensCard.tsx';

export function LensPanel() {
  const lens = useStore((state) => state.lens);
  return (
    <div className={panel.stack}>
      <section className={panel.card} aria-label="Read the layers">
        <LensBar />
      </section>
      {/* Another prompt is read from its own end. */}
      <LensCard key={lens?.view.prompt} view={lens?.view ?? null} />
    </div>
  );
}
