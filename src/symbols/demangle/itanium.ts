/**
 * C++ names by the Itanium C++ ABI (section 5.1), in c++filt's spelling. Expressions beyond the common ones, modules
 * and constraints are not read: such a name stays mangled.
 */
import { ItaniumExpressions } from './itanium-expressions.ts';
import { OPERATORS } from './itanium-tables.ts';
import { joinTemplate, plain, type Text } from './itanium-types.ts';

/** A function's or object's name, and what decides how its type is read. */
interface Name {
  readonly text: Text;
  /** Ends with template arguments: then a function's type begins with its result. */
  readonly template: boolean;
  /** Constructor, destructor or conversion: no result type even then. */
  readonly withoutResult: boolean;
  /** ` const`, ` &` ... of a member function. */
  readonly qualifiers: string;
}

/** Demangles a name that starts with `_Z`; throws `NotMangled` when it does not follow the ABI. */
export function demangleItanium(mangled: string): string {
  return new Itanium(mangled).whole();
}

const SPECIAL: Readonly<Record<string, string>> = {
  TV: 'vtable for ',
  TT: 'VTT for ',
  TI: 'typeinfo for ',
  TS: 'typeinfo name for ',
};
const SPECIAL_NAMES: Readonly<Record<string, string>> = {
  TH: 'TLS init function for ',
  TW: 'TLS wrapper function for ',
  GV: 'guard variable for ',
};

class Itanium extends ItaniumExpressions {
  /** The last plain name read: what a constructor or destructor is called. */
  #lastName = '';

  whole(): string {
    const reader = this.in;
    if (!reader.eat('__Z')) reader.expect('_Z');
    const text = this.encoding();
    const clones: string[] = [];
    while (!reader.atEnd) {
      const clone = /^\.([A-Za-z_]+(\.\d+)*|\d+)/.exec(reader.text.slice(reader.position));
      if (clone === null) return reader.fail();
      clones.push(` [clone ${clone[0]}]`);
      reader.position += clone[0].length;
    }
    return text + clones.join('');
  }

  protected encoding(): string {
    return this.in.bounded(this.in.nested(() => this.#encodingPart(true)));
  }

  /** `withResult`: false for the function around a local name, which is shown without its result type. */
  #encodingPart(withResult: boolean): string {
    const reader = this.in;
    const special = this.#specialName();
    if (special !== undefined) return special;
    const outer = this.templateArguments;
    const name = this.#name();
    const text = this.resolveForward(name.text.left + name.text.right);
    const next = reader.peek();
    if (next === '' || next === 'E' || next === '.') return text + name.qualifiers;
    let result: Text | undefined;
    if (name.template && !name.withoutResult) result = this.type();
    const parameters = this.parameters();
    if (outer.length > 0) this.templateArguments = outer;
    const body = `${text}(${parameters})${name.qualifiers}`;
    if (result === undefined || !withResult) return body;
    return `${result.left}${result.right.startsWith(')') ? '' : ' '}${body}${result.right}`;
  }

  #specialName(): string | undefined {
    const reader = this.in;
    const code = reader.peek() + reader.peek(1);
    if (code[0] !== 'T' && code[0] !== 'G') return undefined;
    const ofType = SPECIAL[code];
    const ofName = SPECIAL_NAMES[code];
    reader.position += 2;
    if (ofType !== undefined) {
      const type = this.type();
      return ofType + type.left + type.right;
    }
    if (ofName !== undefined) return ofName + this.#name().text.left;
    switch (code) {
      case 'TC': {
        const whole = this.type();
        reader.decimal();
        reader.expect('_');
        const part = this.type();
        return `construction vtable for ${part.left}-in-${whole.left}`;
      }
      case 'Th':
        this.#callOffset('h');
        return `non-virtual thunk to ${this.encoding()}`;
      case 'Tv':
        this.#callOffset('v');
        return `virtual thunk to ${this.encoding()}`;
      case 'Tc':
        this.#callOffset(reader.next());
        this.#callOffset(reader.next());
        return `covariant return thunk to ${this.encoding()}`;
      case 'GT':
        if (!reader.eat('t')) reader.expect('n');
        return `transaction clone for ${this.encoding()}`;
      case 'GR': {
        const name = this.#name().text.left;
        return `reference temporary #${this.sequence(36)} for ${name}`;
      }
      default:
        return reader.fail();
    }
  }

  #callOffset(kind: string): void {
    const number = () => {
      this.in.eat('n');
      this.in.decimal();
      this.in.expect('_');
    };
    if (kind !== 'h' && kind !== 'v') this.in.fail();
    number();
    if (kind === 'v') number();
  }

  protected className(): Text {
    return this.#name(false).text;
  }

  /** `bind`: this name is the entity's own, so its template arguments are what T_ means in its type. */
  #name(bind = true): Name {
    return this.in.nested(() => this.#namePart(bind));
  }

  #namePart(bind: boolean): Name {
    const reader = this.in;
    if (reader.peek() === 'N') return this.#nestedName(bind);
    if (reader.peek() === 'Z') return this.#localName();
    let text: Text;
    let special = false;
    if (reader.peek() === 'S' && reader.peek(1) !== 't') {
      text = this.substitution();
      if (reader.peek() !== 'I') reader.fail();
    } else {
      const scope = reader.eat('St') ? 'std::' : '';
      special = this.#isConversion();
      text = plain(scope + this.unqualifiedName().left);
      if (reader.peek() === 'I') this.remember(text);
    }
    if (reader.peek() !== 'I') return { text, template: false, withoutResult: special, qualifiers: '' };
    const name = plain(joinTemplate(text.left, this.templateArgs(bind).left));
    return { text: name, template: true, withoutResult: special, qualifiers: '' };
  }

  #isConversion(): boolean {
    return this.in.peek() === 'c' && this.in.peek(1) === 'v';
  }

  #nestedName(bind: boolean): Name {
    const reader = this.in;
    reader.expect('N');
    let qualifiers = this.qualifiers();
    if (reader.eat('R')) qualifiers += ' &';
    else if (reader.eat('O')) qualifiers += ' &&';
    let text: Text | undefined;
    let template = false;
    let withoutResult = false;
    let remembered = false;
    while (!reader.eat('E')) {
      const next = reader.peek();
      remembered = true;
      if (next === 'I') {
        if (text === undefined || template) return reader.fail();
        const className = this.#lastName;
        text = this.remember(plain(joinTemplate(text.left + text.right, this.templateArgs(bind).left)));
        this.#lastName = className;
        template = true;
        continue;
      }
      template = false;
      withoutResult = false;
      if (next === 'S' && text === undefined) {
        remembered = false;
        text = reader.eat('St') ? plain('std') : this.substitution();
        this.#lastName = text.base ?? lastNameOf(text.left);
      } else if (next === 'T' && text === undefined) {
        text = this.remember(this.templateParameter());
        this.#lastName = lastNameOf(text.left);
      } else if (next === 'D' && (reader.peek(1) === 't' || reader.peek(1) === 'T') && text === undefined) {
        text = this.type();
      } else {
        withoutResult = this.#isConversion() || this.#isStructor();
        // c++filt spells a standard class out where its constructor would not be called what the class is.
        if (text?.whole !== undefined && this.#isStructor()) text = plain(text.whole);
        const part = this.#nestedPart();
        text = this.remember(text === undefined ? plain(part) : plain(`${text.left}${text.right}::${part}`));
      }
    }
    if (text === undefined || !remembered) return reader.fail();
    // The whole name is no prefix of anything; if it is a type, the type is remembered instead.
    this.substitutions.pop();
    return { text, template, withoutResult, qualifiers };
  }

  #isStructor(): boolean {
    const [first, second] = [this.in.peek(), this.in.peek(1)];
    return (first === 'C' && 'I12345'.includes(second)) || (first === 'D' && '01245'.includes(second));
  }

  #nestedPart(): string {
    const reader = this.in;
    if (!this.#isStructor()) return this.unqualifiedName().left;
    const destructor = reader.next() === 'D';
    const inherited = reader.eat('I');
    reader.next();
    const name = this.#lastName;
    if (inherited) this.type();
    return this.#withTags(destructor ? `~${name}` : name);
  }

  /** `Z function E entity`: something declared inside a function. */
  #localName(): Name {
    const reader = this.in;
    reader.expect('Z');
    const around = reader.bounded(reader.nested(() => this.#encodingPart(false)));
    reader.expect('E');
    if (reader.eat('s')) {
      this.#discriminator();
      return { text: plain(`${around}::string literal`), template: false, withoutResult: false, qualifiers: '' };
    }
    let argument = '';
    if (reader.eat('d')) argument = `{default arg#${this.sequence(10) + 1}}::`;
    const entity = this.#name();
    this.#discriminator();
    return { ...entity, text: plain(`${around}::${argument}${entity.text.left}${entity.text.right}`) };
  }

  #discriminator(): void {
    const match = /^_(?:_\d+_|\d)/.exec(this.in.text.slice(this.in.position, this.in.position + 16));
    if (match !== null) this.in.position += match[0].length;
  }

  protected unqualifiedName(): Text {
    const reader = this.in;
    reader.eat('L');
    const next = reader.peek();
    if (next >= '0' && next <= '9') {
      const name = this.sourceName();
      this.#lastName = name;
      return plain(this.#withTags(name));
    }
    if (next === 'U') return plain(this.#withTags(this.#unnamed()));
    if (reader.eat('DC')) {
      const names: string[] = [];
      while (!reader.eat('E')) names.push(this.sourceName());
      return plain(this.#withTags(`[${names.join(', ')}]`));
    }
    return plain(this.#withTags(this.#operatorName()));
  }

  protected sourceName(): string {
    const length = this.in.decimal();
    const name = this.in.take(length);
    return /^_GLOBAL_[._$]N/.test(name) ? '(anonymous namespace)' : name;
  }

  #withTags(name: string): string {
    let text = name;
    while (this.in.eat('B')) text += `[abi:${this.sourceName()}]`;
    return text;
  }

  #unnamed(): string {
    const reader = this.in;
    if (reader.eat('Ut')) {
      const name = `{unnamed type#${this.sequence(10) + 1}}`;
      this.#lastName = name;
      return name;
    }
    reader.expect('Ul');
    const outer = this.inLambda;
    this.inLambda = true;
    const parameters = this.parameters();
    this.inLambda = outer;
    reader.expect('E');
    const name = `{lambda(${parameters})#${this.sequence(10) + 1}}`;
    this.#lastName = name;
    return name;
  }

  #operatorName(): string {
    const reader = this.in;
    if (reader.eat('cv')) {
      const outer = this.forwardAllowed;
      this.forwardAllowed = true;
      const type = this.type();
      this.forwardAllowed = outer;
      return `operator ${type.left}${type.right}`;
    }
    if (reader.eat('li')) return `operator"" ${this.sourceName()}`;
    const code = reader.take(2);
    const operator = OPERATORS[code];
    if (operator === undefined || code === 'qu') return reader.fail();
    const sign = operator[0].trimEnd();
    return /^[a-z]/.test(sign) ? `operator ${sign}` : `operator${sign}`;
  }
}

/** `std::vector<int>` is called `vector`. */
function lastNameOf(text: string): string {
  let name = text;
  if (name.endsWith('>')) {
    let depth = 0;
    for (let at = name.length - 1; at >= 0; at -= 1) {
      if (name[at] === '>') depth += 1;
      else if (name[at] === '<') depth -= 1;
      if (depth === 0) {
        name = name.slice(0, at);
        break;
      }
    }
  }
  return name.slice(name.lastIndexOf(':') + 1);
}
