/** A kernel's log of a boot here against QEMU's log of the same boot: every difference has a reason, or is a complaint. */

export interface KnownDifference {
  /** A line that only we have, or only QEMU; both, when the line differs in a figure. Without time stamps, as printed. */
  readonly ours?: RegExp;
  readonly qemu?: RegExp;
  readonly why: string;
}

/**
 * The log's lines without their time stamps, in order. What a shell printed between them, or before one on its line, is
 * not among them. Input devices lose their numbers: those are given in the order of probing, which goes side by side.
 */
export function kernelLines(serial: string): string[] {
  return serial.split(/\r?\n/).flatMap((line) => {
    const text = /\[ *\d+\.\d{6}\] (.*)$/.exec(line)?.[1];
    return text === undefined ? [] : [text.trimEnd().replace(/\/input\/input\d+$/, '/input/inputN')];
  });
}

/** Lines of `these` that `those` lack, as often as they do. Drivers initialise side by side: their order says nothing. */
function without(these: readonly string[], those: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const line of those) counts.set(line, (counts.get(line) ?? 0) + 1);
  return these.filter((line) => {
    const count = counts.get(line) ?? 0;
    counts.set(line, count - 1);
    return count <= 0;
  });
}

/** What differs without a reason, as lines to print; `-` is QEMU's, `+` ours. */
export function logComplaints(ours: string, qemu: string, known: readonly KnownDifference[]): string[] {
  const mine = kernelLines(ours);
  const theirs = kernelLines(qemu);
  if (theirs.length === 0) return ['QEMU printed no kernel log'];
  const unexplained = (lines: readonly string[], side: 'ours' | 'qemu'): string[] =>
    lines.filter((line) => !known.some((difference) => difference[side]?.test(line)));
  return [
    ...unexplained(without(theirs, mine), 'qemu').map((line) => `- ${line}`),
    ...unexplained(without(mine, theirs), 'ours').map((line) => `+ ${line}`),
  ];
}
