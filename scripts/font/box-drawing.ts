/** Glyphs of the box-drawing characters with double lines, for which Spleen has single ones. */

const WIDTH = 8;
const LINES = 16;
/** Where Spleen's single lines are: these columns from the left, this line from the top. */
const SINGLE_COLUMNS = [3, 4] as const;
const SINGLE_LINE = 7;
/** First and last of what a double line covers, its gap included. The gap is where the single line would be. */
const DOUBLE_COLUMNS = [1, 6] as const;
const DOUBLE_LINES = [6, 8] as const;

/** Lines of the arms upwards, to the right, downwards and to the left. */
type Arms = readonly [up: number, right: number, down: number, left: number];

const DOUBLE_BOXES = {
  '╡': [1, 0, 1, 2],
  '╢': [2, 0, 2, 1],
  '╖': [0, 0, 2, 1],
  '╕': [0, 0, 1, 2],
  '╣': [2, 0, 2, 2],
  '║': [2, 0, 2, 0],
  '╗': [0, 0, 2, 2],
  '╝': [2, 0, 0, 2],
  '╜': [2, 0, 0, 1],
  '╛': [1, 0, 0, 2],
  '╞': [1, 2, 1, 0],
  '╟': [2, 1, 2, 0],
  '╚': [2, 2, 0, 0],
  '╔': [0, 2, 2, 0],
  '╩': [2, 2, 0, 2],
  '╦': [0, 2, 2, 2],
  '╠': [2, 2, 2, 0],
  '═': [0, 2, 0, 2],
  '╬': [2, 2, 2, 2],
  '╧': [1, 2, 0, 2],
  '╨': [2, 1, 0, 1],
  '╤': [0, 2, 1, 2],
  '╥': [0, 1, 2, 1],
  '╙': [2, 1, 0, 0],
  '╘': [1, 2, 0, 0],
  '╒': [0, 2, 1, 0],
  '╓': [0, 1, 2, 0],
  '╫': [2, 1, 2, 1],
  '╪': [1, 2, 1, 2],
} as const satisfies Record<string, Arms>;

/** Each glyph by its character, a byte a line. */
export function doubleBoxGlyphs(): ReadonlyMap<string, Uint8Array> {
  return new Map(Object.entries(DOUBLE_BOXES).map(([character, arms]) => [character, glyphOf(arms)]));
}

/** Arms as bands with their gaps filled, then the gaps cut out, then a single line that crosses a double one. */
function glyphOf([up, right, down, left]: Arms): Uint8Array {
  const dots = Array.from({ length: LINES }, () => new Array<boolean>(WIDTH).fill(false));
  const fill = (x: readonly [number, number], y: readonly [number, number], value: boolean): void => {
    for (let line = y[0]; line <= y[1]; line += 1) dots[line]!.fill(value, x[0], x[1] + 1);
  };
  const columns = Math.max(up, down) === 2 ? DOUBLE_COLUMNS : SINGLE_COLUMNS;
  const lines = Math.max(left, right) === 2 ? DOUBLE_LINES : ([SINGLE_LINE, SINGLE_LINE] as const);
  if (up > 0) fill(columns, [0, lines[1]], true);
  if (down > 0) fill(columns, [lines[0], LINES - 1], true);
  if (left > 0) fill([0, columns[1]], lines, true);
  if (right > 0) fill([columns[0], WIDTH - 1], lines, true);

  // A gap ends at a single line on its way, unless the double line goes on behind it.
  const vertical = up > 0 && down > 0;
  const horizontal = left > 0 && right > 0;
  const singleLine = left === 1 || right === 1;
  const singleColumns = up === 1 || down === 1;
  const above = singleLine && !vertical ? SINGLE_LINE - 1 : SINGLE_LINE;
  const below = singleLine && !vertical ? SINGLE_LINE + 1 : SINGLE_LINE;
  const before = singleColumns && !horizontal ? SINGLE_COLUMNS[0] - 1 : SINGLE_COLUMNS[1];
  const after = singleColumns && !horizontal ? SINGLE_COLUMNS[1] + 1 : SINGLE_COLUMNS[0];
  if (up === 2) fill(SINGLE_COLUMNS, [0, above], false);
  if (down === 2) fill(SINGLE_COLUMNS, [below, LINES - 1], false);
  if (left === 2) fill([0, before], [SINGLE_LINE, SINGLE_LINE], false);
  if (right === 2) fill([after, WIDTH - 1], [SINGLE_LINE, SINGLE_LINE], false);

  if (left === 1 && right === 1) fill([0, WIDTH - 1], lines, true);
  if (up === 1 && down === 1) fill(SINGLE_COLUMNS, [0, LINES - 1], true);
  return Uint8Array.from(dots, (line) => Number.parseInt(line.map(Number).join(''), 2));
}
