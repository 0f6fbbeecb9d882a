/** A picture as it stands on the page, made free of the page: what style sheets give its parts is written onto them. */
import type { Picture } from './picture.ts';

/** What may come from style sheets and changes how a part of an SVG looks. */
const PROPERTIES = [
  'fill',
  'fill-opacity',
  'stroke',
  'stroke-width',
  'stroke-opacity',
  'stroke-dasharray',
  'opacity',
  'font-family',
  'font-size',
  'font-weight',
  'text-anchor',
  'dominant-baseline',
  'paint-order',
] as const;

/** "color(srgb 0.1 0.2 0.3 / 0.5)", as browsers give mixed colours, in the form that every program for drawings reads. */
export function plainColor(value: string): string {
  const match = /^color\(srgb ([\d.e-]+) ([\d.e-]+) ([\d.e-]+)(?: \/ ([\d.e-]+))?\)$/.exec(value);
  if (!match) return value;
  const [red, green, blue] = match.slice(1, 4).map((part) => Math.round(255 * Math.min(1, Math.max(0, Number(part)))));
  const alpha = match.at(4);
  return alpha === undefined ? `rgb(${red}, ${green}, ${blue})` : `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}

/** In the colours of the theme that is on, with the ground it stands on. */
export function drawnPicture(drawing: SVGSVGElement): Picture {
  const { width, height } = drawing.getBoundingClientRect();
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  const [parts, copies] = [drawing, copy].map((root) => [root, ...root.querySelectorAll('*')]);
  parts.forEach((part, i) => {
    const style = getComputedStyle(part);
    const own = copies[i];
    for (const property of PROPERTIES) own.setAttribute(property, plainColor(style.getPropertyValue(property)));
    own.removeAttribute('class');
    own.removeAttribute('style');
    own.removeAttribute('tabindex');
  });
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('width', String(width));
  copy.setAttribute('height', String(height));
  if (!copy.hasAttribute('viewBox')) copy.setAttribute('viewBox', `0 0 ${width} ${height}`);
  const ground = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  ground.setAttribute('width', '100%');
  ground.setAttribute('height', '100%');
  ground.setAttribute('fill', groundOf(drawing));
  copy.prepend(ground);
  return { svg: new XMLSerializer().serializeToString(copy), width, height };
}

/** The nearest colour behind it. */
function groundOf(element: Element): string {
  for (let at: Element | null = element; at; at = at.parentElement) {
    const color = getComputedStyle(at).backgroundColor;
    if (color !== '' && color !== 'transparent' && color !== 'rgba(0, 0, 0, 0)') return plainColor(color);
  }
  return '#fff';
}
