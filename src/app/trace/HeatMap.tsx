/** Tokens down, layers across, each cell as strong as its score; read with the pointer or the arrow keys. */
import { memo, useMemo, useRef, useState, type FocusEvent, type KeyboardEvent, type PointerEvent } from 'react';
import type { TraceGrid } from '../../worker/trace-api.ts';
import { formatPoints, formatProbability, formatToken } from '../format.ts';
import type { Band } from '../store/trace.ts';
import { fractionOf, themedShade } from '../shared/color-scale.ts';
import { placeAfterKey, type CellPlace } from '../shared/grid-keys.ts';
import styles from './HeatMap.module.css';
import { HeatLegend } from './HeatLegend.tsx';
import { HeatReading } from './HeatReading.tsx';

export interface HeatToken {
  text: string;
  subject: boolean;
  /** Empty where it is not known. */
  position: string;
}

interface HeatMapProps {
  /** For a screen reader. */
  label: string;
  tokens: HeatToken[];
  layerCount: number;
  /** Null: nothing has been traced, the empty map is drawn. */
  grid: TraceGrid | null;
  /** P(answer) in the corrupted and in the clean run: the ends of the scale. */
  corrupted: number;
  clean: number;
  /** Layers framed. */
  band: Band | null;
}

/** The place of the cell an event happened in. */
function placeOf(target: EventTarget): CellPlace | null {
  const cell = target instanceof Element ? target.closest<HTMLElement>('[data-cell]') : null;
  const place = cell?.dataset.cell?.split(' ').map(Number);
  return place ? { token: place[0], layer: place[1] } : null;
}

export function HeatMap({ label, tokens, layerCount, grid, corrupted, clean, band }: HeatMapProps) {
  const lookup = tokens.findLastIndex((token) => token.position === 'last subject');
  const table = useRef<HTMLDivElement>(null);
  const [cursor, setCursor] = useState<CellPlace>({ token: Math.max(0, lookup), layer: 0 });
  const [read, setRead] = useState<CellPlace | null>(null);
  const traced = grid !== null;

  function onKeyDown(event: KeyboardEvent): void {
    const next = placeAfterKey(event.key, event.ctrlKey || event.metaKey, cursor, tokens.length, layerCount);
    if (!next) return;
    event.preventDefault();
    table.current?.querySelector<HTMLElement>(`[data-cell="${next.token} ${next.layer}"]`)?.focus();
  }
  function onFocus(event: FocusEvent): void {
    const place = placeOf(event.target);
    if (!place) return;
    setCursor(place);
    setRead(place);
  }
  function onPointerOver(event: PointerEvent): void {
    const place = placeOf(event.target);
    if (place) setRead(place);
  }

  return (
    <figure className={styles.figure}>
      <div className={styles.scroll}>
        <div
          ref={table}
          className={styles.table}
          style={{
            gridTemplateColumns: `minmax(56px, max-content) repeat(${layerCount}, minmax(var(--cell), 1fr))`,
            gridTemplateRows: `repeat(${tokens.length + 1}, auto)`,
          }}
          // The empty map is a picture of what will be there.
          {...(traced
            ? {
                role: 'grid',
                'aria-label': label,
                'aria-rowcount': tokens.length + 1,
                onKeyDown,
                onFocus,
                onPointerOver,
              }
            : { 'aria-hidden': true })}
          onPointerLeave={() => {
            const focused = table.current?.contains(document.activeElement) ?? false;
            setRead(focused ? cursor : null);
          }}
        >
          <LayerHeads layerCount={layerCount} band={band} />
          {tokens.map((token, i) => (
            <HeatRow
              key={i}
              index={i}
              token={token}
              layerCount={layerCount}
              scores={grid?.scores[i] ?? null}
              says={grid?.says[i] ?? null}
              corrupted={corrupted}
              clean={clean}
              tabLayer={traced && cursor.token === i ? cursor.layer : null}
            />
          ))}
          {band && (
            <div
              aria-hidden="true"
              className={styles.band}
              style={{ gridColumn: `${band.first + 2} / ${band.last + 3}`, gridRow: `2 / ${tokens.length + 2}` }}
            />
          )}
        </div>
      </div>
      <HeatLegend corrupted={traced ? corrupted : null} clean={traced ? clean : null} />
      <HeatReading place={read} tokens={tokens} grid={grid} corrupted={corrupted} />
    </figure>
  );
}

function LayerHeads({ layerCount, band }: { layerCount: number; band: Band | null }) {
  return (
    <div role="row" className={`${styles.row} ${styles.heads}`} style={{ gridRow: 1 }}>
      <div role="columnheader" className={styles.corner}>
        layer
      </div>
      {Array.from({ length: layerCount }, (_, layer) => {
        const inBand = band !== null && layer >= band.first && layer <= band.last;
        return (
          <div key={layer} role="columnheader" className={inBand ? `${styles.head} ${styles.inBand}` : styles.head}>
            {layer}
          </div>
        );
      })}
    </div>
  );
}

interface HeatRowProps {
  index: number;
  token: HeatToken;
  layerCount: number;
  scores: (number | null)[] | null;
  says: (string | null)[] | null;
  corrupted: number;
  clean: number;
  /** The layer of the cell that Tab leads to, when it is in this row. */
  tabLayer: number | null;
}

const HeatRow = memo(function HeatRow(props: HeatRowProps) {
  const { index, token, layerCount, scores, says, corrupted, clean, tabLayer } = props;
  const name = formatToken(token.text);
  const tone = token.position === 'last subject' ? styles.lookup : token.subject ? styles.subject : '';
  const cells = useMemo(
    () =>
      Array.from({ length: layerCount }, (_, layer) => {
        const score = scores?.[layer] ?? null;
        const said = says?.[layer] ?? null;
        if (score === null) return { color: undefined, words: `${name}, layer ${layer}: not traced yet` };
        const place = token.position === '' ? '' : `, ${token.position}`;
        const saying = said === null ? '' : `, the model would say ${formatToken(said)}`;
        return {
          color: themedShade(fractionOf(score, corrupted, clean)),
          words: `${name}${place}, layer ${layer}: ${formatProbability(score)}, effect ${formatPoints(score - corrupted)}${saying}`,
        };
      }),
    [layerCount, scores, says, name, token.position, corrupted, clean],
  );
  return (
    <div role="row" className={styles.row} style={{ gridRow: index + 2 }}>
      <div role="rowheader" className={`${styles.token} ${tone}`} title={token.text}>
        <span className={styles.text}>{name}</span>
        {token.subject && <span className="visually-hidden"> (subject)</span>}
      </div>
      {cells.map(({ color, words }, layer) => (
        <div
          key={layer}
          role="gridcell"
          data-cell={`${index} ${layer}`}
          className={color === undefined ? `${styles.cell} ${styles.waiting}` : styles.cell}
          style={{ background: color }}
          aria-label={words}
          tabIndex={scores === null ? undefined : layer === tabLayer ? 0 : -1}
        />
      ))}
    </div>
  );
});
