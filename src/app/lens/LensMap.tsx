/** Layers upwards, tokens across: in every cell the word that the layer would say, the stronger the likelier; read by pointer or arrow keys. */
import { memo, useEffect, useMemo, useRef, type FocusEvent, type KeyboardEvent } from 'react';
import type { LensCellView, LensView } from '../../worker/lens-api.ts';
import { formatToken } from '../format.ts';
import { placeAfterKey, type CellPlace } from '../shared/grid-keys.ts';
import { cellShade, cellWords, gridOf, roleOf, SIDE_NAMES, type LensSide } from './lens-cells.ts';
import styles from './LensMap.module.css';

interface LensMapProps {
  view: LensView;
  side: LensSide;
  /** The cell that is read; the same on both maps. */
  place: CellPlace;
  onRead: (place: CellPlace) => void;
}

export function LensMap({ view, side, place, onRead }: LensMapProps) {
  const table = useRef<HTMLDivElement>(null);
  const { tokens, layerCount, edited } = view;
  const grid = gridOf(view, side);
  const scroll = useRef<HTMLDivElement>(null);
  // The answer stands after the last token.
  useEffect(() => {
    scroll.current?.scrollTo({ left: scroll.current.scrollWidth });
  }, []);

  function onKeyDown(event: KeyboardEvent): void {
    // On the page layers go upwards.
    const key = { ArrowUp: 'ArrowRight', ArrowDown: 'ArrowLeft', ArrowLeft: 'ArrowUp', ArrowRight: 'ArrowDown' }[
      event.key
    ];
    const control = event.ctrlKey || event.metaKey;
    const next = placeAfterKey(key ?? event.key, control, place, tokens.length, layerCount);
    if (!next) return;
    event.preventDefault();
    table.current?.querySelector<HTMLElement>(`[data-cell="${next.token} ${next.layer}"]`)?.focus();
  }

  function onFocus(event: FocusEvent): void {
    const { cell } = (event.target as HTMLElement).dataset;
    if (cell === undefined) return;
    const [token, layer] = cell.split(' ').map(Number);
    onRead({ token, layer });
  }

  return (
    <figure className={styles.figure}>
      <figcaption className={`${styles.caption} ${styles[side]}`}>{SIDE_NAMES[side]}</figcaption>
      <div ref={scroll} className={styles.scroll}>
        <div
          ref={table}
          role="grid"
          aria-label={`${SIDE_NAMES[side]}: what each layer would say at each token`}
          aria-rowcount={layerCount + 1}
          className={styles.table}
          style={{ gridTemplateColumns: `max-content repeat(${tokens.length}, minmax(48px, auto))` }}
          onKeyDown={onKeyDown}
          onFocus={onFocus}
        >
          {Array.from({ length: layerCount }, (_, i) => layerCount - 1 - i).map((layer) => (
            <LensRow
              key={layer}
              view={view}
              grid={grid}
              layer={layer}
              inBand={edited !== null && layer >= edited.first && layer <= edited.last}
              readToken={place.layer === layer ? place.token : null}
            />
          ))}
          <div role="row" className={`${styles.row} ${styles.foot}`}>
            <div role="columnheader" className={styles.corner}>
              layer
            </div>
            {tokens.map(({ text, subject }, i) => (
              <div
                key={i}
                role="columnheader"
                className={subject ? `${styles.token} ${styles.subject}` : styles.token}
                title={text}
              >
                {formatToken(text)}
              </div>
            ))}
          </div>
        </div>
      </div>
    </figure>
  );
}

interface LensRowProps {
  view: LensView;
  grid: LensCellView[][];
  layer: number;
  /** The patches change it. */
  inBand: boolean;
  /** The token of the cell that is read, when it is in this row. */
  readToken: number | null;
}

const LensRow = memo(function LensRow({ view, grid, layer, inBand, readToken }: LensRowProps) {
  const cells = useMemo(
    () =>
      grid.map((column, token) => {
        const cell = column[layer];
        const [{ token: text, probability }] = cell.top;
        return {
          word: formatToken(text),
          role: roleOf(view, cell),
          color: `light-dark(${cellShade(probability, 'light')}, ${cellShade(probability, 'dark')})`,
          words: cellWords(view, token, layer, cell),
        };
      }),
    [view, grid, layer],
  );
  return (
    <div role="row" className={styles.row}>
      <div role="rowheader" className={inBand ? `${styles.head} ${styles.inBand}` : styles.head}>
        {layer}
        {inBand && <span className="visually-hidden"> (edited)</span>}
      </div>
      {cells.map(({ word, role, color, words }, token) => (
        <div
          key={token}
          role="gridcell"
          data-cell={`${token} ${layer}`}
          className={[styles.cell, role && styles[role], token === readToken && styles.read].filter(Boolean).join(' ')}
          style={{ background: color }}
          aria-label={words}
          tabIndex={readToken === token ? 0 : -1}
        >
          {word}
        </div>
      ))}
    </div>
  );
});
