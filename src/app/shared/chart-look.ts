/** How every chart looks: the letters of its axes, its tooltip, and layers along the bottom. Pure. */

/** Of the numbers along an axis. */
export const TICK = { fill: 'var(--muted)', fontSize: 11 };

/** Of a tooltip. */
export const TOOLTIP = {
  background: 'var(--surface)',
  border: '1px solid var(--line)',
  borderRadius: 6,
  fontSize: 12,
};

/** What an axis along the bottom is called. */
export function labelBelow(value: string) {
  return { value, position: 'insideBottom', offset: -10, ...TICK } as const;
}

/** What an axis on the left is called. */
export function labelBeside(value: string) {
  return { value, angle: -90, position: 'insideLeft', ...TICK } as const;
}

/** The frame around the layers that are chosen or edited, both included. */
export function layersFrame({ first, last }: { readonly first: number; readonly last: number }) {
  return {
    x1: first - 0.5,
    x2: last + 0.5,
    fill: 'var(--layer)',
    fillOpacity: 0.14,
    stroke: 'var(--layer)',
    strokeOpacity: 0.6,
  };
}

/** At most this many labels stand side by side on a narrow page. */
const MAX_TICKS = 12;

/** The layers that an axis names. */
export function layerTicks(layerCount: number): number[] {
  const step = Math.ceil(layerCount / MAX_TICKS);
  return Array.from({ length: Math.ceil(layerCount / step) }, (_, i) => i * step);
}
