/** Types of the Itanium C++ mangling. A declarator is built inside out, so every type is text on two sides of a name. */
import { BUILTIN_TYPES, D_TYPES, STANDARD } from './itanium-tables.ts';
import { MangledReader } from './text.ts';

export interface Text {
  readonly left: string;
  readonly right: string;
  /** A function or an array takes parentheses around the `*` of a pointer to it. */
  readonly wraps?: 'function' | 'array';
  readonly reference?: '&' | '&&';
  /** What a reference refers to, for collapsing `T& &&`. */
  readonly referred?: Text;
  /** The elements of a parameter pack. */
  readonly pack?: readonly Text[];
  /** The class's own name, where `left` does not end with it: for constructors of `std::string`. */
  readonly base?: string;
  /** The class spelled out, where `left` is a short name for it. */
  readonly whole?: string;
}

export function plain(left: string): Text {
  return { left, right: '' };
}

/** A name and its `<...>`, kept apart where the name itself ends with a `<`. */
export function joinTemplate(name: string, args: string): string {
  return name.endsWith('<') ? `${name} ${args}` : name + args;
}

/** Joins arguments; packs spread, empty ones vanish. */
export function joinArguments(parts: readonly Text[]): string {
  return parts
    .flatMap((part) => part.pack ?? [part])
    .map((part) => part.left + part.right)
    .join(', ');
}

/** Stands for a template parameter whose arguments come later in the name; replaced when they are known. */
const FORWARD = '\u0001';

export abstract class ItaniumTypes {
  protected readonly in: MangledReader;
  protected substitutions: Text[] = [];
  /** What T_, T0_ ... mean here. */
  protected templateArguments: readonly Text[] = [];
  /** Inside the parameters of a generic lambda T_ is `auto`. */
  protected inLambda = false;
  /** Inside a conversion operator's type T_ is known only later. */
  protected forwardAllowed = false;

  constructor(mangled: string) {
    this.in = new MangledReader(mangled);
  }

  protected abstract className(): Text;
  protected abstract expression(): string;
  protected abstract literal(): string;
  protected abstract sourceName(): string;

  protected remember(text: Text): Text {
    this.in.bounded(text.left + text.right);
    this.substitutions.push(text);
    return text;
  }

  type(): Text {
    const text = this.in.nested(() => this.typePart());
    this.in.bounded(text.left + text.right);
    return text;
  }

  protected typePart(): Text {
    const reader = this.in;
    const code = reader.peek();
    const builtin = BUILTIN_TYPES[code];
    if (builtin !== undefined) {
      reader.next();
      return plain(builtin);
    }
    switch (code) {
      case 'r':
      case 'V':
      case 'K':
        return this.#qualified();
      case 'P':
        reader.next();
        return this.remember(pointerTo(this.type()));
      case 'R':
      case 'O':
        reader.next();
        return this.remember(referenceTo(this.type(), code === 'R' ? '&' : '&&'));
      case 'C':
      case 'G':
        reader.next();
        return this.remember(append(this.type(), code === 'C' ? ' _Complex' : ' _Imaginary'));
      case 'F':
        return this.remember(this.functionType(''));
      case 'A':
        return this.remember(this.#arrayType());
      case 'M':
        return this.remember(this.#memberPointer());
      case 'U':
        return this.#vendorQualified();
      case 'u':
        reader.next();
        return this.remember(plain(this.sourceName()));
      case 'D':
        return this.#dType();
      case 'T':
        return this.#templateParameterType();
      case 'S':
        if (reader.peek(1) === 't') return this.remember(this.className());
        return this.#substitutedType();
      default:
        return this.remember(this.className());
    }
  }

  #qualified(): Text {
    const qualifiers = this.qualifiers();
    if (this.in.peek() === 'F' || (this.in.peek() === 'D' && 'oOwx'.includes(this.in.peek(1)))) {
      return this.remember(this.functionType(qualifiers));
    }
    return this.remember(append(this.type(), qualifiers));
  }

  /** `r`, `V` and `K` in any number, as text to append. */
  protected qualifiers(): string {
    const isRestrict = this.in.eat('r');
    const isVolatile = this.in.eat('V');
    const isConst = this.in.eat('K');
    return `${isConst ? ' const' : ''}${isVolatile ? ' volatile' : ''}${isRestrict ? ' restrict' : ''}`;
  }

  protected functionType(qualifiers: string): Text {
    const reader = this.in;
    let suffix = qualifiers;
    if (reader.eat('Do')) suffix += ' noexcept';
    else if (reader.eat('DO')) {
      suffix += ` noexcept(${this.expression()})`;
      reader.expect('E');
    }
    reader.eat('Dx');
    reader.expect('F');
    reader.eat('Y');
    const result = this.type();
    const parameters = this.parameters();
    if (reader.eat('R')) suffix += ' &';
    else if (reader.eat('O')) suffix += ' &&';
    reader.expect('E');
    return { left: result.left, right: ` (${parameters})${suffix}${result.right}`, wraps: 'function' };
  }

  /** Parameter types up to an `E`, the end, a clone suffix or a reference qualifier; a lone `v` means none. */
  protected parameters(): string {
    const reader = this.in;
    const types: Text[] = [];
    while (!reader.atEnd && !this.#parametersEnd()) types.push(this.type());
    if (types.length === 1 && types[0]!.left === 'void' && types[0]!.right === '') return '';
    return joinArguments(types);
  }

  #parametersEnd(): boolean {
    const next = this.in.peek();
    return next === 'E' || next === '.' || ((next === 'R' || next === 'O') && this.in.peek(1) === 'E');
  }

  #arrayType(): Text {
    const reader = this.in;
    reader.expect('A');
    let size = '';
    if (/[0-9]/.test(reader.peek())) size = String(reader.decimal());
    else if (reader.peek() !== '_') size = this.expression();
    reader.expect('_');
    const element = this.type();
    // The dimensions of an array of arrays stand in order: `int [2][3]`.
    const inner = element.right.startsWith(' [') ? element.right.slice(1) : element.right;
    return { left: element.left, right: ` [${size}]${inner}`, wraps: 'array' };
  }

  #memberPointer(): Text {
    this.in.expect('M');
    const owner = this.type();
    const member = this.type();
    const name = `${owner.left}${owner.right}::*`;
    if (member.wraps === undefined) return { left: `${member.left} ${name}`, right: member.right };
    return { left: `${member.left} (${name}`, right: `)${afterDeclarator(member)}` };
  }

  #vendorQualified(): Text {
    this.in.expect('U');
    let qualifier = this.sourceName();
    if (this.in.peek() === 'I') qualifier += this.templateArgs().left;
    return this.remember(append(this.type(), ` ${qualifier}`));
  }

  #dType(): Text {
    const reader = this.in;
    const code = reader.peek(1);
    const builtin = D_TYPES[code];
    if (builtin !== undefined) {
      reader.position += 2;
      return plain(builtin);
    }
    switch (code) {
      case 'o':
      case 'O':
      case 'w':
      case 'x':
        return this.remember(this.functionType(''));
      case 'p': {
        reader.position += 2;
        const pattern = this.type();
        return this.remember(pattern.pack === undefined ? append(pattern, '...') : pattern);
      }
      case 't':
      case 'T': {
        reader.position += 2;
        const inside = this.expression();
        reader.expect('E');
        return this.remember(plain(`decltype (${inside})`));
      }
      case 'v': {
        reader.position += 2;
        const size = /[0-9]/.test(reader.peek()) ? String(reader.decimal()) : this.expression();
        reader.expect('_');
        return this.remember(append(this.type(), ` __vector(${size})`));
      }
      case 'F': {
        reader.position += 2;
        const bits = reader.decimal();
        const extended = reader.eat('x');
        if (!extended) reader.expect('_');
        return plain(`_Float${bits}${extended ? 'x' : ''}`);
      }
      default:
        return reader.fail();
    }
  }

  #templateParameterType(): Text {
    const reader = this.in;
    const elaborated: Readonly<Record<string, string>> = { s: 'struct ', u: 'union ', e: 'enum ' };
    const keyword = elaborated[reader.peek(1)];
    if (keyword !== undefined) {
      reader.position += 2;
      const name = this.className();
      return this.remember({ ...name, left: keyword + name.left });
    }
    const parameter = this.remember(this.templateParameter());
    // After a conversion operator's T_ the arguments are the operator's own.
    if (reader.peek() !== 'I' || this.forwardAllowed) return parameter;
    return this.remember(this.withArguments(parameter));
  }

  #substitutedType(): Text {
    const substituted = this.substitution();
    if (this.in.peek() !== 'I') return substituted;
    return this.remember(this.withArguments(substituted));
  }

  protected withArguments(name: Text): Text {
    return plain(joinTemplate(name.left + name.right, this.templateArgs().left));
  }

  /** `T_`, `T0_`, ...: the argument that it stands for. */
  protected templateParameter(): Text {
    const reader = this.in;
    reader.expect('T');
    const index = this.sequence(10);
    const argument = this.templateArguments[index];
    if (this.inLambda) return plain(`auto:${index + 1}`);
    if (argument !== undefined) return argument;
    if (!this.forwardAllowed) reader.fail();
    return plain(`${FORWARD}${index}${FORWARD}`);
  }

  /** Puts the arguments in where a conversion operator named them before they were known. */
  protected resolveForward(text: string): string {
    if (!text.includes(FORWARD)) return text;
    return text.replace(new RegExp(`${FORWARD}(\\d+)${FORWARD}`, 'g'), (_, index: string) => {
      const argument = this.templateArguments[Number(index)];
      return argument === undefined ? this.in.fail() : joinArguments([argument]);
    });
  }

  /** `_` is 0, `0_` is 1, ...: the numbering of substitutions (base 36) and of template parameters (decimal). */
  protected sequence(radix: 10 | 36): number {
    const reader = this.in;
    if (reader.eat('_')) return 0;
    let value = 0;
    for (;;) {
      const character = reader.next();
      if (character === '_') return value + 1;
      const digit = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'.indexOf(character);
      if (digit < 0 || digit >= radix || value > 1e6) reader.fail();
      value = value * radix + digit;
    }
  }

  /** `S_`, `S0_`, ... and the standard ones; not `St`. */
  protected substitution(): Text {
    const reader = this.in;
    reader.expect('S');
    const standard = STANDARD[reader.peek()];
    if (standard !== undefined) {
      reader.next();
      return { left: standard[0], right: '', base: standard[1], whole: standard[2] };
    }
    return this.substitutions[this.sequence(36)] ?? reader.fail();
  }

  /** `I ... E` as `<...>`; remembers the arguments as the meaning of T_ when `bind` is set. */
  protected templateArgs(bind = false): Text {
    const reader = this.in;
    reader.expect('I');
    const args: Text[] = [];
    const bound: Text[] = [];
    while (!reader.eat('E')) {
      const argument = reader.nested(() => this.templateArgument());
      args.push(argument);
      bound.push(argument);
      // Later arguments may name earlier ones only through T_ of an enclosing template; those are bound already.
    }
    if (bind) this.templateArguments = bound;
    const inside = joinArguments(args);
    return plain(`<${inside}${inside.endsWith('>') ? ' ' : ''}>`);
  }

  protected templateArgument(): Text {
    const reader = this.in;
    switch (reader.peek()) {
      case 'L':
        return plain(this.literal());
      case 'X': {
        reader.next();
        const text = this.expression();
        reader.expect('E');
        return plain(text);
      }
      case 'J': {
        reader.next();
        const pack: Text[] = [];
        while (!reader.eat('E')) pack.push(reader.nested(() => this.templateArgument()));
        return { left: joinArguments(pack), right: '', pack };
      }
      default:
        return this.type();
    }
  }
}

function append(type: Text, suffix: string): Text {
  if (suffix === '') return type;
  if (type.pack !== undefined) return packed(type.pack.map((part) => append(part, suffix)));
  if (type.wraps === 'function') return { ...type, right: type.right + suffix };
  return { left: type.left + suffix, right: type.right, ...(type.wraps === undefined ? {} : { wraps: type.wraps }) };
}

/** What follows the closing parenthesis of `(*)`: a function's parameters close up, an array's bound keeps its space. */
function afterDeclarator(type: Text): string {
  return type.wraps === 'function' ? type.right.trimStart() : type.right;
}

function packed(pack: readonly Text[]): Text {
  return { left: joinArguments(pack), right: '', pack };
}

function wrap(type: Text, sign: string): Text {
  return type.wraps !== undefined
    ? { left: `${type.left} (${sign}`, right: `)${afterDeclarator(type)}` }
    : { left: type.left + sign, right: type.right };
}

function pointerTo(type: Text): Text {
  return type.pack === undefined ? wrap(type, '*') : packed(type.pack.map(pointerTo));
}

function referenceTo(type: Text, sign: '&' | '&&'): Text {
  if (type.pack !== undefined) return packed(type.pack.map((part) => referenceTo(part, sign)));
  if (type.reference !== undefined && type.referred !== undefined) {
    const collapsed = type.reference === '&' || sign === '&' ? '&' : '&&';
    return { ...wrap(type.referred, collapsed), reference: collapsed, referred: type.referred };
  }
  return { ...wrap(type, sign), reference: sign, referred: type };
}
