/** A picture as the bytes of a file: PNG, or the binary pixmap (PPM, P6) that QEMU's `screendump` writes by default. */
import { encodePng, type Picture } from './png.ts';

export type PictureFormat = 'png' | 'ppm';

/** By the file's name: PNG for `.png`, else PPM. */
export function formatOf(path: string): PictureFormat {
  return /\.png$/i.test(path) ? 'png' : 'ppm';
}

export function pictureBytes(picture: Picture, format: PictureFormat): Uint8Array {
  if (format === 'png') return encodePng(picture);
  const header = new TextEncoder().encode(`P6\n${picture.width} ${picture.height}\n255\n`);
  const file = new Uint8Array(header.length + picture.rgb.length);
  file.set(header);
  file.set(picture.rgb, header.length);
  return file;
}
