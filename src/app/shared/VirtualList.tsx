/** A list of any length in a frame that scrolls: only the rows in view are drawn, as high as they turn out. */
import { useVirtualizer } from '@tanstack/react-virtual';
import { useRef, type ReactNode } from 'react';
import styles from './VirtualList.module.css';

interface VirtualListProps<T> {
  /** Names the list. */
  label: string;
  items: readonly T[];
  /** Names an item, wherever in the list it stands. */
  keyOf: (item: T) => number;
  /** A guess, for rows that were not drawn yet, in pixels. */
  rowHeight: number;
  /** A frame for a few rows beside other things. */
  short?: boolean;
  render: (item: T) => ReactNode;
}

export function VirtualList<T>({ label, items, keyOf, rowHeight, short = false, render }: VirtualListProps<T>) {
  const scroll = useRef<HTMLDivElement>(null);
  // eslint-disable-next-line react-hooks/incompatible-library -- its functions are used in this component only
  const rows = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => rowHeight,
    overscan: 8,
    getItemKey: (index) => keyOf(items[index]),
  });
  return (
    <div
      ref={scroll}
      className={short ? `${styles.scroll} ${styles.short}` : styles.scroll}
      tabIndex={0}
      role="region"
      aria-label={label}
    >
      <ul style={{ height: rows.getTotalSize() }} className={styles.list} aria-label={label}>
        {rows.getVirtualItems().map((row) => (
          <li
            key={row.key}
            data-index={row.index}
            ref={rows.measureElement}
            className={styles.row}
            style={{ transform: `translateY(${row.start}px)` }}
          >
            {render(items[row.index])}
          </li>
        ))}
      </ul>
    </div>
  );
}
