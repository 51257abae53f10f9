/** Colours are given from outside: the diagnosis itself knows neither terminals nor environment variables. */
export type Paint = (text: string) => string;

export interface Palette {
  readonly error: Paint;
  readonly warning: Paint;
  readonly note: Paint;
  /** Labels and the gutter of the source excerpt. */
  readonly frame: Paint;
  /** The heading's words. */
  readonly strong: Paint;
  readonly help: Paint;
  readonly dim: Paint;
}

const same: Paint = (text) => text;

/** No colour at all. */
export const PLAIN: Palette = {
  error: same,
  warning: same,
  note: same,
  frame: same,
  strong: same,
  help: same,
  dim: same,
};

function sgr(code: string): Paint {
  return (text) => (text === '' ? '' : `\u001b[${code}m${text}\u001b[0m`);
}

/** The sixteen colours that every terminal has. */
export const ANSI: Palette = {
  error: sgr('1;31'),
  warning: sgr('1;33'),
  note: sgr('1;36'),
  frame: sgr('34'),
  strong: sgr('1'),
  help: sgr('32'),
  dim: sgr('2'),
};
