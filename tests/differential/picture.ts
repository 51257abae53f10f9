/** Pictures of two screens, pixel by pixel. */
import type { Picture } from '../../src/debug/png.ts';

/** A binary pixmap (PPM, P6) with 255 as its largest value, as QEMU's `screendump` writes it. */
export function pictureOfPpm(file: Uint8Array): Picture {
  const header = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(Buffer.from(file.subarray(0, 64)).toString('latin1'));
  if (header === null) throw new Error('not a binary pixmap of 255 levels');
  const [width, height] = [Number(header[1]), Number(header[2])];
  const rgb = file.subarray(header[0].length);
  if (rgb.length !== 3 * width * height) throw new Error(`${rgb.length} bytes are no ${width}x${height} pixels`);
  return { width, height, rgb };
}

export function pixelAt({ width, rgb }: Picture, x: number, y: number): string {
  const at = 3 * (y * width + x);
  return Buffer.from(rgb.subarray(at, at + 3)).toString('hex');
}

const SHOWN_MAX = 10;

/** The first pixels that differ, as text, and how many there are; empty: the pictures are equal. `skip`: need not agree. */
export function pictureDifferences(
  ours: Picture,
  theirs: Picture,
  skip: (x: number, y: number) => boolean = () => false,
): readonly string[] {
  const sizes = [ours, theirs].map(({ width, height }) => `${width}x${height}`);
  if (sizes[0] !== sizes[1]) return [`${sizes[0]}; QEMU: ${sizes[1]}`];
  const found: string[] = [];
  let count = 0;
  for (let y = 0; y < ours.height; y += 1) {
    for (let x = 0; x < ours.width; x += 1) {
      const [mine, other] = [pixelAt(ours, x, y), pixelAt(theirs, x, y)];
      if (mine === other || skip(x, y)) continue;
      count += 1;
      if (found.length < SHOWN_MAX) found.push(`${x},${y}: ${mine}; QEMU: ${other}`);
    }
  }
  return count === 0 ? [] : [...found, `${count} pixels differ`];
}

/** How many colours there are: a picture that shows nothing has one. */
export function colorCount(picture: Picture): number {
  const colors = new Set<number>();
  for (let at = 0; at < picture.rgb.length; at += 3) {
    colors.add((picture.rgb[at]! << 16) | (picture.rgb[at + 1]! << 8) | picture.rgb[at + 2]!);
  }
  return colors.size;
}
