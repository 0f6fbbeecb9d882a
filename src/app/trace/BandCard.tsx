/** From the picture to the edit: the layers the trace proposes, set by hand where wanted, written into the run's settings. */
import { Slider } from 'radix-ui';
import { formatPlural } from '../format.ts';
import { Button } from '../shared/Button.tsx';
import panel from '../shared/Panel.module.css';
import { useStore } from '../store/index.ts';
import { chosenLayersText, chosenMethod } from '../store/method.ts';
import { layersIn } from '../store/settings.ts';
import { bandLayers, bandOf, curveSourceOf, proposalOf, type Band } from '../store/trace.ts';
import styles from './BandCard.module.css';

/** "layers 3–5", "layer 4". */
function layersName({ first, last }: Band): string {
  return first === last ? `layer ${first}` : `layers ${first}–${last}`;
}

export function BandCard({ layerCount }: { layerCount: number }) {
  const byHand = useStore((state) => state.bandByHand !== null);
  const setBand = useStore((state) => state.setBand);
  const applyBand = useStore((state) => state.applyBand);
  const showWork = useStore((state) => state.showWork);
  const proposal = useStore(proposalOf);
  const source = useStore(curveSourceOf);
  const first = useStore((state) => bandOf(state)?.first ?? null);
  const last = useStore((state) => bandOf(state)?.last ?? null);
  const settingsLayers = useStore(chosenLayersText);
  const method = useStore((state) => chosenMethod(state)?.label ?? '');
  const inSettings = layersIn(settingsLayers ?? '', layerCount);

  // Without a proposal the handles stand at the layers the next run edits.
  const band: Band =
    first === null || last === null
      ? { first: inSettings.at(0) ?? 0, last: inSettings.at(-1) ?? layerCount - 1 }
      : { first, last };
  const applied = inSettings.join() === bandLayers(band).join();
  const name = layersName(band);
  return (
    <section className={panel.card} aria-label="Layers to edit">
      <h2>Layers to edit</h2>
      <p className={styles.reason}>{useReason(proposal?.reason ?? null, source)}</p>
      <div className={styles.range}>
        <span className={styles.ends}>
          <span>{band.first}</span>
          <span>to {band.last}</span>
        </span>
        <div className={styles.sliderSpace}>
          <Slider.Root
            className={styles.slider}
            min={0}
            max={layerCount - 1}
            step={1}
            value={[band.first, band.last]}
            onValueChange={([from = band.first, to = band.last]) => setBand({ first: from, last: to })}
          >
            <Slider.Track className={styles.track}>
              <Slider.Range className={styles.chosen} />
            </Slider.Track>
            <Slider.Thumb className={styles.thumb} aria-label="First layer" />
            <Slider.Thumb className={styles.thumb} aria-label="Last layer" />
          </Slider.Root>
          <span className={styles.scale} aria-hidden="true">
            <span>0</span>
            <span>{layerCount - 1}</span>
          </span>
        </div>
      </div>
      <div className={styles.actions}>
        <Button disabled={applied || settingsLayers === null} onClick={() => applyBand(band)}>
          Edit {name}
        </Button>
        <Button variant="quiet" disabled={!byHand || proposal === null} onClick={() => setBand(null)}>
          Back to the proposal
        </Button>
        <p className={panel.small}>
          {settingsLayers === null ? (
            `${method} has no layers to set.`
          ) : applied ? (
            <>
              The next run edits {name}.{' '}
              <button type="button" className={styles.link} onClick={() => showWork('run')}>
                Go to Run
              </button>
            </>
          ) : (
            `The next run edits ${inSettings.length === 0 ? 'layers yet to be chosen' : `layers ${settingsLayers}`}.`
          )}
        </p>
      </div>
    </section>
  );
}

function useReason(reason: string | null, source: 'prompt' | 'average' | null): string {
  const running = useStore((state) => state.traceTask?.status === 'running');
  const severed = useStore((state) =>
    source === 'average' ? state.averageTrace?.settings.severed : state.traced?.settings.severed,
  );
  const facts = useStore((state) => state.averageTrace?.facts ?? 0);
  if (reason !== null) {
    return `${source === 'average' ? `By the average over ${formatPlural(facts, 'fact')}: ` : 'By this prompt alone: '}${reason}`;
  }
  if (source === null) return 'A trace proposes the layers where the fact is recalled; or choose them by hand.';
  if (running) return 'The layers are proposed when the trace is complete.';
  return severed === false
    ? 'No layers are proposed without the severed curves: trace with them, or choose by hand.'
    : source === 'average'
      ? 'Severing the MLPs takes no more away than chance may at any layer, so none are proposed: average over more facts, or choose them by hand.'
      : 'Severing the MLPs takes less than a point away at every layer, so none are proposed: choose them by hand, or go by the average over facts.';
}
