/** How an edit is made, as a picture: tokens across, layers upwards, and what a run writes where; numbers fill in as it goes. */
import type { KeyboardEvent, ReactNode } from 'react';
import { formatNumber, formatToken } from '../../format.ts';
import type { Column, Layout, Row } from './layout.ts';
import styles from './MechanismPicture.module.css';
import type { PartId } from './parts.ts';
import type { LayerReading, Readings } from './readings.ts';

interface MechanismPictureProps {
  layout: Layout;
  readings: Readings;
  object: string;
  /** In a sentence, for a screen reader. */
  summary: string;
  part: PartId | null;
  onPoint: (part: PartId | null) => void;
  /** Tokens and layers can be pressed; null where the picture shows what has been. */
  aim: { token: (index: number) => void; canAim: (index: number) => boolean; layer: (layer: number) => void } | null;
}

const BOX = { width: 42, height: 26 };
const KEY_RADIUS = 9;
/** Between the key and the memory that it asks. */
const KEY_GAP = 10;

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

export function MechanismPicture({ layout, readings, object, summary, part, onPoint, aim }: MechanismPictureProps) {
  const { width, height, columns, rows, lookup, last, top, bottom } = layout;
  const edited = rows.filter((row) => row.edited);
  const zRow = edited.at(0);
  const zY = zRow ? zRow.y - zRow.height / 2 - 4 : top;
  /** A part of the picture that explains itself when it is pointed at. */
  const piece = (id: PartId, key: string, children: ReactNode) => (
    <g
      key={key}
      data-part={id}
      className={part === null || part === id ? styles.part : `${styles.part} ${styles.dimmed}`}
      onPointerEnter={() => onPoint(id)}
      onPointerLeave={() => onPoint(null)}
    >
      {children}
    </g>
  );
  return (
    <svg width={width} height={height} className={styles.picture} role="group" aria-label={summary}>
      <Heads layout={layout} />
      {rows.map((row) => (
        <Band key={row.first} row={row} layout={layout} active={row.first === readings.active} onAim={aim?.layer} />
      ))}
      {columns.map(({ index, x }) => (
        <path key={index} className={styles.stream} d={`M${x} ${bottom}V${top}`} />
      ))}
      <path className={styles.carry} d={`M${lookup.x} ${bottom}V${zY}`} />
      {piece('relation', 'attention', <Attention from={lookup} to={last} y={zY - 12} top={top} />)}
      {edited.map((row) => {
        const reading = readings.layers.find(({ layer }) => layer === row.first) ?? null;
        return [
          piece(
            'key',
            `key ${row.first}`,
            <Key x={lookup.x - BOX.width / 2 - KEY_GAP - KEY_RADIUS} y={row.y} known={reading !== null} />,
          ),
          piece('memory', `memory ${row.first}`, <Memory row={row} layout={layout} reading={reading} />),
          piece('residual', `residual ${row.first}`, <Residual row={row} layout={layout} reading={reading} />),
          piece('kept', `kept ${row.first}`, <Kept row={row} layout={layout} />),
        ];
      })}
      {zRow && piece('target', 'target', <Target x={lookup.x} y={zY} readings={readings} />)}
      {piece('object', 'object', <Answer x={last.x} layout={layout} object={object} readings={readings} />)}
      {columns.map((column) => {
        const token = <Token column={column} layout={layout} aimed={aim?.canAim(column.index) ? aim.token : null} />;
        return piece(column.role === 'plain' ? 'relation' : 'subject', `token ${column.index}`, token);
      })}
    </svg>
  );
}

function Heads({ layout: { right, barWidth, top } }: { layout: Layout }) {
  return (
    <g className={styles.head}>
      <text x={right} y={top - 8}>
        left to z
      </text>
      <text x={right + barWidth + 10} y={top - 8}>
        ‖ΔW‖/‖W‖
      </text>
    </g>
  );
}

/** A press by pointer or by key. */
function pressed(onPress: () => void) {
  return {
    role: 'button',
    tabIndex: 0,
    onClick: onPress,
    onKeyDown: (event: KeyboardEvent) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      onPress();
    },
  } as const;
}

interface BandProps {
  row: Row;
  layout: Layout;
  active: boolean;
  onAim: ((layer: number) => void) | undefined;
}

/** A layer, and its name. */
function Band({ row, layout, active, onAim }: BandProps) {
  const { first, last, edited, y, height } = row;
  const name = first === last ? `layer ${first}` : `${first} – ${last}`;
  const aimed = onAim !== undefined && first === last;
  const classes = [styles.band, edited && styles.edited, active && styles.active, aimed && styles.aimed];
  return (
    <g
      className={classes.filter(Boolean).join(' ')}
      {...(aimed && {
        ...pressed(() => onAim(first)),
        'aria-pressed': edited,
        'aria-label': `Edit layer ${first}`,
      })}
    >
      <rect x={1} y={y - height / 2 + 1} width={layout.width - 2} height={height - 2} rx={4} />
      {(edited || height > 12 || first % 5 === 0) && (
        <text x={8} y={y} dominantBaseline="central">
          {name}
        </text>
      )}
    </g>
  );
}

function Key({ x, y, known }: { x: number; y: number; known: boolean }) {
  return (
    <g className={known ? `${styles.key} ${styles.known}` : styles.key}>
      <path d={`M${x + KEY_RADIUS} ${y}h${KEY_GAP}`} />
      <circle cx={x} cy={y} r={KEY_RADIUS} />
      <text x={x} y={y} dominantBaseline="central" textAnchor="middle">
        k
      </text>
    </g>
  );
}

interface LayerPartProps {
  row: Row;
  layout: Layout;
  reading: LayerReading | null;
}

function Memory({ row: { y }, layout: { lookup }, reading }: LayerPartProps) {
  const closed = reading?.after == null ? 0 : Math.max(0, Math.min(1, reading.before - reading.after));
  const x = lookup.x - BOX.width / 2;
  return (
    <g className={reading ? `${styles.memory} ${styles.known}` : styles.memory}>
      <rect className={styles.box} x={x} y={y - BOX.height / 2} {...BOX} rx={4} />
      <rect
        className={styles.fill}
        x={x}
        y={y + BOX.height / 2 - closed * BOX.height}
        width={BOX.width}
        height={closed * BOX.height}
        rx={closed > 0.2 ? 4 : 0}
      />
      <text x={lookup.x} y={y} dominantBaseline="central" textAnchor="middle">
        {reading ? 'W+ΔW' : 'W'}
      </text>
    </g>
  );
}

/** What is left to z before the layer, and how much of it the layer closes. */
function Residual({ row: { y }, layout: { right, barWidth }, reading }: LayerPartProps) {
  const { before, after } = reading ?? { before: 0, after: null };
  const at = (share: number): number => Math.max(0, Math.min(1.05, share)) * barWidth;
  return (
    <g className={styles.residual}>
      <rect className={styles.ground} x={right} y={y - 6} width={barWidth} height={12} rx={2} />
      <rect className={styles.before} x={right} y={y - 6} width={at(before)} height={12} rx={2} />
      {after !== null && (
        <rect
          className={after <= before ? styles.closed : styles.opened}
          x={right + at(Math.min(after, before))}
          y={y - 6}
          width={Math.abs(at(before) - at(after))}
          height={12}
        />
      )}
      {reading && (
        <text x={right + 5} y={y} dominantBaseline="central">
          {after === null ? percent(before) : `${percent(before)} → ${percent(after)}`}
        </text>
      )}
      {reading && (
        <text className={styles.number} x={right + barWidth + 10} y={y} dominantBaseline="central">
          {formatNumber(100 * reading.ratio)} %
        </text>
      )}
    </g>
  );
}

function Kept({ row: { y }, layout: { width } }: { row: Row; layout: Layout }) {
  const x = width - 20;
  return (
    <g className={styles.kept}>
      <rect x={x - 11} y={y - 11} width={22} height={22} rx={3} />
      {[-5, 0, 5].map((offset) => (
        <path key={offset} d={`M${x - 11} ${y + offset}h22M${x + offset} ${y - 11}v22`} />
      ))}
      <circle cx={x} cy={y} r={7.5} />
      <text x={x} y={y} dominantBaseline="central" textAnchor="middle">
        C
      </text>
    </g>
  );
}

function Target({ x, y, readings: { target } }: { x: number; y: number; readings: Readings }) {
  return (
    <g className={target ? `${styles.target} ${styles.known}` : styles.target}>
      <path d={`M${x} ${y - 12}l12 12l-12 12l-12 -12z`} />
      <text x={x} y={y} dominantBaseline="central" textAnchor="middle">
        z
      </text>
      {target && (
        <text className={styles.aside} x={x - 18} y={y - 6} textAnchor="end">
          step {target.step}, ‖δ‖ = {formatNumber(target.deltaRatio)} ‖h‖
        </text>
      )}
    </g>
  );
}

/** What was written at the subject is read at the prompt's end. */
function Attention({ from, to, y, top }: { from: Column; to: Column; y: number; top: number }) {
  if (from.index === to.index) return <path className={styles.attention} d={`M${from.x} ${y}V${top - 6}`} />;
  const middle = (from.x + to.x) / 2;
  return (
    <g className={styles.attention}>
      <path d={`M${from.x + 12} ${y + 12}C${middle} ${y + 8} ${middle} ${y - 12} ${to.x - 6} ${y - 12}`} />
      <path d={`M${to.x} ${y - 12}V${top - 6}`} />
    </g>
  );
}

interface AnswerProps {
  x: number;
  layout: Layout;
  object: string;
  readings: Readings;
}

function Answer({ x, layout: { top, left, width }, object, readings: { target } }: AnswerProps) {
  const text = object.length > 18 ? `${object.slice(0, 17)}…` : object;
  const room = Math.max(64, 8 * text.length + (target ? 68 : 16));
  const begin = Math.max(left, Math.min(x - room / 2, width - room - 4));
  return (
    <g className={styles.object}>
      <rect x={begin} y={top - 52} width={room} height={26} rx={5} />
      {target && (
        <rect className={styles.share} x={begin} y={top - 52} width={room * target.probability} height={26} rx={5} />
      )}
      <text x={begin + 8} y={top - 39} dominantBaseline="central">
        {text || '…'}
      </text>
      {target && (
        <text className={styles.number} x={begin + room - 8} y={top - 39} dominantBaseline="central" textAnchor="end">
          {percent(target.probability)}
        </text>
      )}
      <path d={`M${x} ${top - 6}v-16`} />
      <path className={styles.tip} d={`M${x - 5} ${top - 19}l5 -7l5 7z`} />
    </g>
  );
}

interface TokenProps {
  column: Column;
  layout: Layout;
  /** Null where it cannot be aimed at. */
  aimed: ((index: number) => void) | null;
}

function Token({ column: { index, count, text, role, x }, layout: { columnWidth, bottom }, aimed }: TokenProps) {
  const shown = count > 1 ? `… ${count}` : formatToken(text);
  const room = Math.max(3, Math.floor(columnWidth / 7.4));
  const cut = shown.length > room ? `${shown.slice(0, room - 1)}…` : shown;
  const button = aimed && count === 1 && role !== 'lookup';
  return (
    <g
      className={`${styles.token} ${styles[role]} ${button ? styles.aimed : ''}`}
      {...(button && { ...pressed(() => aimed(index)), 'aria-label': `Aim the edit at ${formatToken(text)}` })}
    >
      <title>{count > 1 ? `${count} more tokens` : formatToken(text)}</title>
      <rect x={x - columnWidth / 2 + 2} y={bottom + 8} width={columnWidth - 4} height={24} rx={4} />
      <text x={x} y={bottom + 20} dominantBaseline="central" textAnchor="middle">
        {cut}
      </text>
    </g>
  );
}
