/** The maps before and after, the cell that is read with its ten likeliest words, and the ranks of the answers by layer. */
import { lazy, Suspense, useState } from 'react';
import type { LensView } from '../../worker/lens-api.ts';
import { formatCount, formatProbability, formatToken } from '../format.ts';
import { Button } from '../shared/Button.tsx';
import { ErrorBoundary } from '../shared/ErrorBoundary.tsx';
import { Empty } from '../shared/Empty.tsx';
import type { CellPlace } from '../shared/grid-keys.ts';
import panel from '../shared/Panel.module.css';
import { PredictionBars } from '../shared/PredictionBars.tsx';
import { fileStem, SaveMenu } from '../shared/SaveMenu.tsx';
import { TableDetails } from '../shared/TableDetails.tsx';
import { Term } from '../shared/Tip.tsx';
import { useStore } from '../store/index.ts';
import { lensDisabledReason, lensKey } from '../store/lens.ts';
import { gridOf, SIDE_NAMES, sidesOf } from './lens-cells.ts';
import { lensPicture } from './lens-svg.ts';
import { lensTable } from './lens-tables.ts';
import styles from './LensCard.module.css';
import { LensMap } from './LensMap.tsx';

// The chart library is most of the page's code.
const RankChart = lazy(() => import('./RankChart.tsx').then((module) => ({ default: module.RankChart })));

export function LensCard({ view }: { view: LensView | null }) {
  const stem = fileStem('lens', view?.prompt ?? '');
  return (
    <section className={panel.card} aria-label="Layer lens">
      <div className={panel.head}>
        <h2>
          <Term name="lens">What each layer would say</Term>
        </h2>
        <SaveMenu
          label="Save lens"
          pictureName="Maps"
          notes={{ csv: 'A row per model, token and layer.', json: 'Every cell with its ten likeliest words.' }}
          disabled={view === null}
          picture={() => view && { stem, picture: lensPicture(view) }}
          numbers={() => view && { stem, table: lensTable(view), json: view }}
        />
      </div>
      {view ? (
        <Read view={view} />
      ) : (
        <Empty title="Nothing is read yet">
          Press Read layers: each cell shows the word a layer would say at a token. Where a fact is recalled, the answer
          comes up there; an edit changes it from its layers on.
        </Empty>
      )}
    </section>
  );
}

function Read({ view }: { view: LensView }) {
  const end = { token: view.tokens.length - 1, layer: view.layerCount - 1 };
  const [place, setPlace] = useState<CellPlace>(end);
  return (
    <>
      <Sentence view={view} />
      <Stale />
      <Legend view={view} />
      <div className={styles.maps}>
        {sidesOf(view).map((side) => (
          <LensMap key={side} view={view} side={side} place={place} onRead={setPlace} />
        ))}
      </div>
      <CellReading view={view} place={place} />
      <h3>
        <Term name="rank">Rank</Term> by layer at{' '}
        <code className={panel.code}>{formatToken(view.tokens[place.token].text)}</code>
      </h3>
      <div className={styles.ranks}>
        <ErrorBoundary part="The chart">
          <Suspense fallback={null}>
            <RankChart view={view} token={place.token} />
          </Suspense>
        </ErrorBoundary>
      </div>
      <TableDetails name="Layer lens" table={() => lensTable(view)} />
    </>
  );
}

/** The first layer from which on a followed answer is what the last token's layers say, or null where it is not at the end. */
function saidFrom(view: LensView, side: 'before' | 'after', role: 'old' | 'new'): number | null {
  const at = view.followed.findIndex((answer) => answer.role === role);
  const cells = gridOf(view, side).at(-1) ?? [];
  let from: number | null = null;
  for (let layer = cells.length - 1; layer >= 0 && cells[layer].followed[at]?.rank === 0; layer -= 1) from = layer;
  return from;
}

function Sentence({ view }: { view: LensView }) {
  const tokenOf = (role: 'old' | 'new'): string =>
    formatToken(view.followed.find((answer) => answer.role === role)?.token ?? '');
  const parts = sidesOf(view).flatMap((side) =>
    (['old', 'new'] as const).flatMap((role) => {
      const from = saidFrom(view, side, role);
      return from === null ? [] : [{ side, word: tokenOf(role), from }];
    }),
  );
  return (
    <p className={styles.sentence}>
      After “{view.prompt}”{' '}
      {parts.length === 0
        ? 'no followed answer comes first at the end.'
        : parts.map(({ side, word, from }, i) => (
            <span key={side}>
              {i > 0 && '; '}
              <strong className={styles[side]}>{SIDE_NAMES[side].toLowerCase()}</strong>, the layers say{' '}
              <code className={panel.code}>{word}</code> from layer {from} on
            </span>
          ))}
      {parts.length > 0 && '.'} {view.after === null && 'No patch is in force: there is nothing to compare with yet.'}
    </p>
  );
}

function Stale() {
  const stale = useStore((state) => state.lens !== null && lensKey(state) !== state.lens.key);
  const ready = useStore((state) => lensDisabledReason(state) === null);
  const read = useStore((state) => state.readLens);
  if (!stale) return null;
  return (
    <p role="status" className={panel.stale}>
      The prompt or the patches have changed since this reading.{' '}
      {ready && <Button onClick={() => void read()}>Read again</Button>}
    </p>
  );
}

function Legend({ view }: { view: LensView }) {
  const edited = view.edited;
  return (
    <ul className={styles.legend} aria-label="Marks">
      {view.followed.map(({ role, token }) => (
        <li key={role}>
          <span className={`${styles.frame} ${styles[role]}`} aria-hidden="true" />
          {role === 'old' ? 'old answer' : 'new answer'} <code className={panel.code}>{formatToken(token)}</code>
        </li>
      ))}
      {edited && (
        <li>
          <span className={`${styles.frame} ${styles.edited}`} aria-hidden="true" />
          {edited.first === edited.last
            ? `edited layer ${edited.first}`
            : `edited layers ${edited.first} to ${edited.last}`}
        </li>
      )}
      <li>the stronger the colour, the surer the layer</li>
    </ul>
  );
}

function CellReading({ view, place }: { view: LensView; place: CellPlace }) {
  const { token, layer } = place;
  return (
    <div className={styles.reading} aria-live="polite">
      <h3>
        Layer {layer} at <code className={panel.code}>{formatToken(view.tokens[token].text)}</code>
      </h3>
      <div className={styles.maps}>
        {sidesOf(view).map((side) => {
          const cell = gridOf(view, side)[token][layer];
          const name = SIDE_NAMES[side];
          return (
            <div key={side}>
              <h4 className={styles[side]}>{name}</h4>
              <PredictionBars label={`${name}: ten likeliest words of the layer`} predictions={cell.top} tone={side} />
              <p className={panel.small}>
                {view.followed
                  .map(({ token: text }, i) => {
                    const { probability, rank } = cell.followed[i];
                    return `${formatToken(text)}: rank ${formatCount(rank + 1)}, ${formatProbability(probability)}`;
                  })
                  .join(' · ')}
              </p>
            </div>
          );
        })}
      </div>
    </div>
  );
}
