/** A kernel's log of a boot here against QEMU's log of the same boot: every difference has a reason, or is a complaint. */

export interface KnownDifference {
  /** A line that only we have, or only QEMU; both, when the line differs in a figure. Without time stamps, as printed. */
  readonly ours?: RegExp;
  readonly qemu?: RegExp;
  readonly why: string;
}

/** The log's lines without their time stamps, in order. What a shell printed between them is not among them. */
export function kernelLines(serial: string): string[] {
  return serial.split(/\r?\n/).flatMap((line) => {
    const text = /^\[ *[\d.]{4,}\] (.*)$/.exec(line)?.[1];
    return text === undefined ? [] : [text.trimEnd()];
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

/** The most characters of one line that QEMU's serial port may have lost. */
const LOST_MAX = 3;

/** `line` is `whole` without up to {@link LOST_MAX} of its characters: a slow host's QEMU loses some. */
function isDamaged(line: string, whole: string): boolean {
  const lost = whole.length - line.length;
  if (lost < 1 || lost > LOST_MAX) return false;
  let at = 0;
  for (const character of whole) if (character === line[at]) at += 1;
  return at === line.length;
}

/** QEMU's lines with what its serial port lost put back, where ours has the whole line and QEMU's log has not. */
function mended(qemu: readonly string[], ours: readonly string[]): string[] {
  const missing = without(ours, qemu);
  const strange = new Set(without(qemu, ours));
  return qemu.map((line) => {
    if (!strange.has(line)) return line;
    const at = missing.findIndex((whole) => isDamaged(line, whole));
    return at < 0 ? line : missing.splice(at, 1)[0]!;
  });
}

/** What differs without a reason, as lines to print; `-` is QEMU's, `+` ours. */
export function logComplaints(ours: string, qemu: string, known: readonly KnownDifference[]): string[] {
  const mine = kernelLines(ours);
  const printed = kernelLines(qemu);
  if (printed.length === 0) return ['QEMU printed no kernel log'];
  const theirs = mended(printed, mine);
  const unexplained = (lines: readonly string[], side: 'ours' | 'qemu'): string[] =>
    lines.filter((line) => !known.some((difference) => difference[side]?.test(line)));
  return [
    ...unexplained(without(theirs, mine), 'qemu').map((line) => `- ${line}`),
    ...unexplained(without(mine, theirs), 'ours').map((line) => `+ ${line}`),
  ];
}
