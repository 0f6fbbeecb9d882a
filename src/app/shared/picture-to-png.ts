/** Draws an SVG picture and gives it as PNG, sharp enough for print. */
import type { Picture } from './picture.ts';

const SCALE = 3;

/** @throws Error when the browser cannot draw it */
export async function pictureToPng({ svg, width, height }: Picture): Promise<Blob> {
  const url = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }));
  try {
    const image = new Image(width * SCALE, height * SCALE);
    image.src = url;
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = width * SCALE;
    canvas.height = height * SCALE;
    canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
    if (!blob) throw new Error('This browser could not draw the picture; save it as SVG instead.');
    return blob;
  } finally {
    URL.revokeObjectURL(url);
  }
}
