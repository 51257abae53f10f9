import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../usage-error.ts';
import { EscapeKeys, type KeyMode } from './escape-keys.ts';
import { LineEditor } from './line-editor.ts';
import { parseTypedText, TextWatch, unescaped } from './scripted-input.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const text = (data: Uint8Array): string => String.fromCharCode(...data);

function keys(mode: KeyMode, ...typed: string[]): string[] {
  const reader = new EscapeKeys(mode);
  return typed
    .flatMap((part) => reader.read(bytes(part)))
    .map((action) => (action.kind === 'bytes' ? text(action.bytes) : `<${action.kind}>`));
}

describe('the keys that are ours', () => {
  it.each<[KeyMode, string, string[]]>([
    ['prefix', 'ls\r', ['ls\r']],
    ['prefix', 'a\x01xb', ['a', '<quit>', 'b']],
    ['prefix', '\x01c\x01h\x01?', ['<switch>', '<help>', '<help>']],
    ['prefix', 'a\x01\x01b', ['a\x01b']],
    ['prefix', 'a\x01zb', ['ab']],
    ['prefix', '\x03', ['\x03']],
    ['prefix-and-interrupt', 'a\x03', ['a', '<interrupt>']],
    ['prefix-and-interrupt', '\x01\x03', []],
    ['interrupt', '\x01x\x03', ['\x01x', '<interrupt>']],
  ])('%s: %j', (mode, typed, expected) => {
    expect(keys(mode, typed)).toEqual(expected);
  });

  it('are found wherever the host cuts the input', () => {
    expect(keys('prefix', 'a\x01', 'xb')).toEqual(['a', '<quit>', 'b']);
    expect(keys('prefix', '\x01', '\x01')).toEqual(['\x01']);
  });
});

describe('the monitor line', () => {
  const edit = (typed: string) => {
    let echo = '';
    const lines = new LineEditor((part) => {
      echo += part;
    }).read(bytes(typed));
    return { lines, echo };
  };

  it('is taken at Enter, and echoed', () => {
    expect(edit('info pci\r')).toEqual({ lines: ['info pci'], echo: 'info pci\n' });
    expect(edit('a\r\nb\n').lines).toEqual(['a', 'b']);
  });

  it('can be mended and wiped out', () => {
    expect(edit('helq\x7fp\r').lines).toEqual(['help']);
    expect(edit('nonsense\x15quit\r').lines).toEqual(['quit']);
    expect(edit('\x7fx\r')).toEqual({ lines: ['x'], echo: 'x\n' });
  });
});

describe('--type', () => {
  it.each<[string, string, object]>([
    ['ls\\n@2.5', 'ls\n', { time: 2.5e9 }],
    ['x@100ms', 'x', { time: 1e8 }],
    ['a@b@0', 'a@b', { time: 0 }],
    ['root\\r@"login: "', 'root\r', { printed: bytes('login: ') }],
    ['a@"user@host"', 'a', { printed: bytes('user@host') }],
  ])('%s', (argument, typed, when) => {
    const parsed = parseTypedText(argument);
    expect(text(parsed.bytes)).toBe(typed);
    expect(parsed.when).toEqual(when);
  });

  it.each(['ls', '@2', 'ls@', 'ls@soon', 'a\\q@1'])('refuses %s', (argument) => {
    expect(() => parseTypedText(argument)).toThrow(UsageError);
  });

  it('knows escapes and UTF-8', () => {
    expect([...unescaped('\\x1b[A\\t\\e\\\\é')]).toEqual([0x1b, 0x5b, 0x41, 9, 0x1b, 0x5c, 0xc3, 0xa9]);
  });
});

describe('TextWatch', () => {
  it('finds what String.indexOf finds, once for each end', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b') });
    fc.assert(
      fc.property(
        letters.filter((wanted) => wanted !== ''),
        letters,
        (wanted, printed) => {
          const found: number[] = [];
          let at = 0;
          const watch = new TextWatch(bytes(wanted), () => found.push(at));
          for (const byte of bytes(printed)) {
            at += 1;
            watch.put(byte);
          }
          const expected: number[] = [];
          for (let end = wanted.length; end <= printed.length; end += 1) {
            if (printed.slice(0, end).endsWith(wanted)) expected.push(end);
          }
          expect(found).toEqual(expected);
        },
      ),
    );
  });
});
