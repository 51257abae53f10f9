/** Rust's v0 mangling (RFC 2603, "Rust Symbol Name Mangling v0"). Crate and impl disambiguators are not shown. */
import { decodePunycode } from './punycode.ts';
import { MangledReader } from './text.ts';

const BASIC_TYPES: Readonly<Record<string, string>> = {
  a: 'i8',
  b: 'bool',
  c: 'char',
  d: 'f64',
  e: 'str',
  f: 'f32',
  h: 'u8',
  i: 'isize',
  j: 'usize',
  l: 'i32',
  m: 'u32',
  n: 'i128',
  o: 'u128',
  p: '_',
  s: 'i16',
  t: 'u16',
  u: '()',
  v: '...',
  x: 'i64',
  y: 'u64',
  z: '!',
};

/** Demangles; throws `NotMangled` when the name does not follow the scheme. */
export function demangleRustV0(mangled: string): string {
  const start = mangled.startsWith('__R') ? 3 : 2;
  if (!mangled.startsWith('_R') && !mangled.startsWith('__R')) throw new RustV0('').notMangled();
  const end = mangled.search(/[.$]/);
  const symbol = new RustV0(mangled.slice(start, end < 0 ? undefined : end));
  const suffix = end < 0 ? '' : mangled.slice(end).replace(/^\.llvm\.[0-9A-Fa-f@]+/, '');
  return symbol.demangle() + suffix;
}

class RustV0 {
  readonly #in: MangledReader;
  /** Lifetimes bound by the `for<...>` binders around the part being read. */
  #boundLifetimes = 0;

  constructor(text: string) {
    this.#in = new MangledReader(text);
  }

  notMangled(): never {
    return this.#in.fail();
  }

  demangle(): string {
    // A digit here is the version of a later encoding.
    if (/[0-9]/.test(this.#in.peek())) this.#in.fail();
    const name = this.#path(true);
    if (!this.#in.atEnd) this.#path(false); // the instantiating crate
    if (!this.#in.atEnd) this.#in.fail();
    return name;
  }

  /** `inValue`: generic arguments of a path in an expression are written `::<...>`. */
  #path(inValue: boolean): string {
    return this.#in.bounded(this.#in.nested(() => this.#pathPart(inValue)));
  }

  #pathPart(inValue: boolean): string {
    const reader = this.#in;
    switch (reader.next()) {
      case 'C':
        this.#disambiguator();
        return this.#identifier();
      case 'M':
        this.#implPath();
        return `<${this.#type()}>`;
      case 'X': {
        this.#implPath();
        const type = this.#type();
        return `<${type} as ${this.#path(false)}>`;
      }
      case 'Y': {
        const type = this.#type();
        return `<${type} as ${this.#path(false)}>`;
      }
      case 'N':
        return this.#nestedPath(inValue);
      case 'I': {
        const path = this.#path(inValue);
        const args: string[] = [];
        while (!reader.eat('E')) args.push(this.#genericArgument());
        return `${path}${inValue ? '::' : ''}<${args.join(', ')}>`;
      }
      case 'B':
        return this.#backReference(() => this.#path(inValue));
      default:
        return reader.fail();
    }
  }

  #nestedPath(inValue: boolean): string {
    const namespace = this.#in.next();
    const parent = this.#path(inValue);
    const index = this.#disambiguator();
    const name = this.#identifier();
    if (namespace >= 'A' && namespace <= 'Z') {
      const kind = namespace === 'C' ? 'closure' : namespace === 'S' ? 'shim' : namespace;
      return `${parent}::{${kind}${name === '' ? '' : `:${name}`}#${index}}`;
    }
    if (!(namespace >= 'a' && namespace <= 'z')) this.#in.fail();
    return name === '' ? parent : `${parent}::${name}`;
  }

  #implPath(): void {
    this.#disambiguator();
    this.#path(false);
  }

  /** `s` and a base-62 number; absent means 0. */
  #disambiguator(): number {
    return this.#in.eat('s') ? this.#base62() + 1 : 0;
  }

  #base62(): number {
    const reader = this.#in;
    if (reader.eat('_')) return 0;
    let value = 0;
    for (;;) {
      const character = reader.next();
      if (character === '_') return value + 1;
      const digit = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'.indexOf(character);
      if (digit < 0) reader.fail();
      value = value * 62 + digit;
    }
  }

  #identifier(): string {
    const reader = this.#in;
    const punycode = reader.eat('u');
    // A length has no leading zeros: the empty names of closures follow one another as `00`.
    const length = reader.eat('0') ? 0 : reader.decimal();
    reader.eat('_');
    const text = reader.take(length);
    if (!punycode) return text;
    return decodePunycode(text) ?? reader.fail();
  }

  #backReference<T>(read: () => T): T {
    const reader = this.#in;
    const start = reader.position - 1;
    const target = this.#base62();
    if (target >= start) reader.fail();
    const resume = reader.position;
    reader.position = target;
    const result = reader.nested(read);
    reader.position = resume;
    return result;
  }

  #genericArgument(): string {
    if (this.#in.eat('L')) return this.#lifetime(this.#base62());
    if (this.#in.eat('K')) return this.#constant(false);
    return this.#type();
  }

  #lifetime(index: number): string {
    if (index === 0) return "'_";
    const depth = this.#boundLifetimes - index;
    if (depth < 0) this.#in.fail();
    return depth < 26 ? `'${String.fromCharCode(97 + depth)}` : `'_${depth}`;
  }

  #type(): string {
    return this.#in.bounded(this.#in.nested(() => this.#typePart()));
  }

  #typePart(): string {
    const reader = this.#in;
    const tag = reader.peek();
    const basic = BASIC_TYPES[tag];
    if (basic !== undefined) {
      reader.next();
      return basic;
    }
    switch (tag) {
      case 'R':
      case 'Q': {
        reader.next();
        const lifetime = reader.eat('L') ? this.#base62() : 0;
        const shown = lifetime === 0 ? '' : `${this.#lifetime(lifetime)} `;
        return `&${shown}${tag === 'Q' ? 'mut ' : ''}${this.#type()}`;
      }
      case 'P':
        reader.next();
        return `*const ${this.#type()}`;
      case 'O':
        reader.next();
        return `*mut ${this.#type()}`;
      case 'A': {
        reader.next();
        const element = this.#type();
        return `[${element}; ${this.#constant(true)}]`;
      }
      case 'S':
        reader.next();
        return `[${this.#type()}]`;
      case 'T':
        reader.next();
        return this.#tuple();
      case 'F':
        reader.next();
        return this.#withBinder(() => this.#functionType());
      case 'D':
        reader.next();
        return this.#dynamicType();
      case 'B':
        reader.next();
        return this.#backReference(() => this.#type());
      default:
        return this.#path(false);
    }
  }

  #tuple(): string {
    const types: string[] = [];
    while (!this.#in.eat('E')) types.push(this.#type());
    return types.length === 1 ? `(${types[0]},)` : `(${types.join(', ')})`;
  }

  #withBinder(read: () => string): string {
    const count = this.#in.eat('G') ? this.#base62() + 1 : 0;
    if (count === 0) return read();
    if (count > 1000) this.#in.fail();
    const names: string[] = [];
    for (let index = 0; index < count; index += 1) {
      this.#boundLifetimes += 1;
      names.push(this.#lifetime(1));
    }
    const text = read();
    this.#boundLifetimes -= count;
    return `for<${names.join(', ')}> ${text}`;
  }

  #functionType(): string {
    const reader = this.#in;
    const isUnsafe = reader.eat('U');
    let abi = '';
    if (reader.eat('K')) abi = reader.eat('C') ? 'C' : this.#identifier().replaceAll('_', '-');
    const parameters: string[] = [];
    while (!reader.eat('E')) parameters.push(this.#type());
    const result = this.#type();
    const prefix = `${isUnsafe ? 'unsafe ' : ''}${abi === '' ? '' : `extern "${abi}" `}`;
    return `${prefix}fn(${parameters.join(', ')})${result === '()' ? '' : ` -> ${result}`}`;
  }

  #dynamicType(): string {
    const bounds = this.#withBinder(() => {
      const traits: string[] = [];
      while (!this.#in.eat('E')) traits.push(this.#dynamicTrait());
      return traits.join(' + ');
    });
    this.#in.expect('L');
    const lifetime = this.#base62();
    return `dyn ${bounds}${lifetime === 0 ? '' : ` + ${this.#lifetime(lifetime)}`}`;
  }

  #dynamicTrait(): string {
    let path = this.#path(false);
    const bindings: string[] = [];
    while (this.#in.eat('p')) {
      const name = this.#identifier();
      bindings.push(`${name} = ${this.#type()}`);
    }
    if (bindings.length === 0) return path;
    if (path.endsWith('>')) path = `${path.slice(0, -1)}, ${bindings.join(', ')}>`;
    else path = `${path}<${bindings.join(', ')}>`;
    return path;
  }

  /** `inType`: as an array length, where no braces are needed around structured values. */
  #constant(inType: boolean): string {
    return this.#in.bounded(this.#in.nested(() => this.#constantPart(inType)));
  }

  #constantPart(inType: boolean): string {
    const reader = this.#in;
    const tag = reader.next();
    if (tag === 'p') return '_';
    if (tag === 'B') return this.#backReference(() => this.#constant(inType));
    if ('ahijlmnostxy'.includes(tag))
      return (reader.eat('n') ? '-' : '') + BigInt(`0x${this.#hex() || '0'}`).toString();
    if (tag === 'b') {
      const value = this.#hex();
      return value === '0' || value === '' ? 'false' : value === '1' ? 'true' : reader.fail();
    }
    if (tag === 'c') return quoteCharacter(Number.parseInt(this.#hex() || '0', 16)) ?? reader.fail();
    const structured = this.#structuredConstant(tag);
    return inType ? structured : `{${structured}}`;
  }

  #structuredConstant(tag: string): string {
    const reader = this.#in;
    switch (tag) {
      case 'e':
        return `*${this.#stringLiteral()}`;
      case 'R':
        if (reader.eat('e')) return this.#stringLiteral();
        return `&${this.#constant(true)}`;
      case 'Q':
        return `&mut ${this.#constant(true)}`;
      case 'A':
        return `[${this.#constants().join(', ')}]`;
      case 'T': {
        const values = this.#constants();
        return values.length === 1 ? `(${values[0]},)` : `(${values.join(', ')})`;
      }
      case 'V':
        return this.#adtConstant();
      default:
        return reader.fail();
    }
  }

  #adtConstant(): string {
    const reader = this.#in;
    const path = this.#path(true);
    switch (reader.next()) {
      case 'U':
        return path;
      case 'T':
        return `${path}(${this.#constants().join(', ')})`;
      case 'S': {
        const fields: string[] = [];
        while (!reader.eat('E')) {
          this.#disambiguator();
          const name = this.#identifier();
          fields.push(`${name}: ${this.#constant(true)}`);
        }
        return `${path} { ${fields.join(', ')} }`;
      }
      default:
        return reader.fail();
    }
  }

  #constants(): string[] {
    const values: string[] = [];
    while (!this.#in.eat('E')) values.push(this.#constant(true));
    return values;
  }

  #hex(): string {
    let digits = '';
    while (!this.#in.eat('_')) {
      const digit = this.#in.next();
      if (!/[0-9a-f]/.test(digit)) this.#in.fail();
      digits += digit;
    }
    return digits.replace(/^0+(?=.)/, '');
  }

  #stringLiteral(): string {
    const digits = this.#rawHex();
    if (digits.length % 2 !== 0) this.#in.fail();
    const bytes = new Uint8Array(digits.length / 2);
    for (let index = 0; index < bytes.length; index += 1) {
      bytes[index] = Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16);
    }
    return JSON.stringify(new TextDecoder('utf-8').decode(bytes));
  }

  #rawHex(): string {
    let digits = '';
    while (!this.#in.eat('_')) digits += this.#in.next();
    return /^[0-9a-f]*$/.test(digits) ? digits : this.#in.fail();
  }
}

function quoteCharacter(code: number): string | undefined {
  if (!(code <= 0x10_ffff) || (code >= 0xd800 && code < 0xe000)) return undefined;
  const character = String.fromCodePoint(code);
  if (character === "'" || character === '\\') return `'\\${character}'`;
  const escapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\0': '\\0' };
  const escaped = escapes[character];
  if (escaped !== undefined) return `'${escaped}'`;
  return code < 0x20 || code === 0x7f ? `'\\u{${code.toString(16)}}'` : `'${character}'`;
}
