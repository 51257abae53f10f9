/** QEMU's `key=value,key=value` lists (util/qemu-option.c): `,,` is a comma, a bare first word has an implied key. */

export interface OptionList {
  /** In the order given; a later value of a key wins in {@link OptionList.get}. */
  readonly entries: readonly (readonly [key: string, value: string])[];
  get(key: string): string | undefined;
}

/** `impliedKey`: what a bare first word is the value of; another bare word means `word=on`. */
export function parseOptionList(text: string, impliedKey: string | undefined): OptionList {
  const entries: [string, string][] = [];
  for (const part of splitAtCommas(text)) {
    const equals = part.indexOf('=');
    if (equals >= 0) entries.push([part.slice(0, equals), part.slice(equals + 1)]);
    else if (entries.length === 0 && impliedKey !== undefined) entries.push([impliedKey, part]);
    else entries.push([part, 'on']);
  }
  return {
    entries,
    get: (key) => entries.findLast(([name]) => name === key)?.[1],
  };
}

function splitAtCommas(text: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] !== ',') {
      part += text[at];
    } else if (text[at + 1] === ',') {
      part += ',';
      at += 1;
    } else {
      parts.push(part);
      part = '';
    }
  }
  return [...parts, part];
}
