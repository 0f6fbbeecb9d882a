/** Small line icons; always beside or instead of words that the caller gives. */

const paths = {
  add: 'M8 3v10M3 8h10',
  copy: 'M5.5 5.5h7v8h-7zM3.5 10.5v-8h7',
  check: 'M3 8.5l3.5 3.5L13 4.5',
  cross: 'M4 4l8 8M12 4l-8 8',
  more: 'M8 3.2v.1M8 8v.1M8 12.8v.1',
  down: 'M8 2.5v8M4.5 7.5L8 11l3.5-3.5M3 13.5h10',
  up: 'M8 11V3M4.5 6L8 2.5 11.5 6M3 13.5h10',
  undo: 'M6 3.5L3 6.5l3 3M3 6.5h6a3.5 3.5 0 010 7H6.5',
  sun: 'M8 5a3 3 0 100 6 3 3 0 000-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
  moon: 'M13 9.5A5.5 5.5 0 016.5 3 5.5 5.5 0 1013 9.5z',
  auto: 'M2 3.5h12v8H2zM6 14h4M8 11.5V14',
  help: 'M8 1.8a6.2 6.2 0 100 12.4A6.2 6.2 0 008 1.8zM6.2 6.3a1.8 1.8 0 113 1.5c-.7.5-1.2.8-1.2 1.7M8 11.4v.1',
  folder: 'M1.8 4h4l1.4 1.6h7v7.2H1.8z',
  warn: 'M8 2.2l6.2 11H1.8zM8 6.5v3.2M8 11.6v.1',
  paste: 'M4 3.5h8v10H4zM6 2.2h4v2.6H6zM6 8h4M6 10.5h4',
  trace: 'M2.5 2.5h11v11h-11zM2.5 6.2h11M2.5 9.8h11M6.2 2.5v11M9.8 2.5v11',
  opened: 'M3.5 6l4.5 4.5L12.5 6',
  closed: 'M6 3.5l4.5 4.5L6 12.5',
  arrow: 'M2.5 8h10.5M9 4l4 4-4 4',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth={name === 'more' ? 2.4 : 1.5}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      style={{ flex: 'none' }}
    >
      <path d={paths[name]} />
    </svg>
  );
}
