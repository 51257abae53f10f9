/** Breaks a paragraph at blanks; words longer than a line (addresses, paths) are never cut, so that they can be pasted. */
export function wrap(text: string, width: number): string[] {
  const indent = /^ */.exec(text)![0];
  const words = text.trim().split(/ (?! )/);
  const lines: string[] = [];
  let line = indent;
  for (const word of words) {
    if (line.trim() !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = `${indent}${word}`;
    } else line = line.trim() === '' ? `${indent}${word}` : `${line} ${word}`;
  }
  lines.push(line);
  return lines;
}
