/** Expressions and literals of the Itanium C++ mangling: what stands in template arguments and decltype. */

import { BUILTIN_TYPES, LITERAL_SUFFIXES, OPERATORS } from './itanium-tables.ts';
import { ItaniumTypes, joinArguments, type Text } from './itanium-types.ts';

export abstract class ItaniumExpressions extends ItaniumTypes {
  protected abstract encoding(): string;
  protected abstract unqualifiedName(): Text;

  /** `L type value E`. */
  protected literal(): string {
    const reader = this.in;
    reader.expect('L');
    if (reader.eat('_Z') || reader.eat('Z')) {
      const name = this.encoding();
      reader.expect('E');
      return name;
    }
    const code = reader.peek();
    const type = this.type();
    const name = type.left + type.right;
    const negative = reader.eat('n') ? '-' : '';
    const start = reader.position;
    while (!reader.atEnd && reader.peek() !== 'E') reader.next();
    const digits = reader.text.slice(start, reader.position);
    reader.expect('E');
    if (!/^[0-9a-f_]*$/.test(digits)) reader.fail();
    if (code === 'b') return digits === '0' ? 'false' : digits === '1' ? 'true' : `(bool)${digits}`;
    if (name === 'decltype(nullptr)')
      return digits === '' || digits === '0' ? `(decltype(nullptr))${digits}` : reader.fail();
    const suffix = LITERAL_SUFFIXES[code];
    if (suffix !== undefined && name === BUILTIN_TYPES[code]) return `${negative}${digits}${suffix}`;
    if ('fdeg'.includes(code)) return `(${name})[${digits}]`;
    return `(${name})${negative}${digits}`;
  }

  protected expression(): string {
    return this.in.bounded(this.in.nested(() => this.#expressionPart()));
  }

  #expressionPart(): string {
    const reader = this.in;
    if (reader.peek() === 'L') return this.literal();
    if (reader.peek() === 'T') return joinArguments([this.templateParameter()]);
    if (reader.peek() === 'f' && 'pL'.includes(reader.peek(1))) return this.#functionParameter();
    const code = reader.peek() + reader.peek(1);
    const special = this.#specialExpression(code);
    if (special !== undefined) return special;
    const operator = OPERATORS[code];
    if (operator === undefined) return this.#unresolvedName();
    reader.position += 2;
    const [sign, operands] = operator;
    if (operands === 1) return this.#unary(code, sign);
    if (operands === 2) {
      const left = this.expression();
      const text = `(${left})${sign}(${this.expression()})`;
      return sign === '>' ? `(${text})` : text;
    }
    if (operands === 3) return `(${this.expression()})?(${this.expression()}) : (${this.expression()})`;
    return reader.fail();
  }

  #unary(code: string, sign: string): string {
    const reader = this.in;
    const prefix = (code === 'pp' || code === 'mm') && reader.eat('_');
    const postfix = (code === 'pp' || code === 'mm') && !prefix;
    const operand = this.expression();
    return postfix ? `(${operand})${sign}` : `${sign}(${operand})`;
  }

  /** Everything that is not a plain operator; `undefined` when `code` begins none of it. */
  #specialExpression(code: string): string | undefined {
    const reader = this.in;
    const taken = <T>(read: () => T): T => {
      reader.position += 2;
      return read();
    };
    switch (code) {
      case 'st':
        return taken(() => `sizeof (${this.#typeText()})`);
      case 'sz':
        return taken(() => `sizeof (${this.expression()})`);
      case 'at':
        return taken(() => `alignof (${this.#typeText()})`);
      case 'az':
        return taken(() => `alignof (${this.expression()})`);
      case 'nx':
        return taken(() => `noexcept(${this.expression()})`);
      case 'sZ':
        return taken(() => {
          const pack = reader.peek() === 'T' ? this.templateParameter().pack : undefined;
          if (pack === undefined) return reader.fail();
          return String(pack.length);
        });
      case 'sp':
        return taken(() => `${this.expression()}...`);
      case 'cl':
        return taken(() => `${this.#callee()}(${this.#expressions()})`);
      case 'cv':
        return taken(() => this.#conversion());
      case 'dt':
        return taken(() => `${this.expression()}.${this.#unresolvedName()}`);
      case 'pt':
        return taken(() => `${this.expression()}->${this.#unresolvedName()}`);
      case 'ix':
        return taken(() => `(${this.expression()})[${this.expression()}]`);
      case 'il':
        return taken(() => `{${this.#expressions()}}`);
      case 'tl':
        return taken(() => `${this.#typeText()}{${this.#expressions()}}`);
      case 'sc':
        return taken(() => `static_cast<${this.#typeText()}>(${this.expression()})`);
      case 'sr':
        return taken(() => {
          const owner = this.#unresolvedOwner();
          return `${owner}::${this.#unresolvedName()}`;
        });
      default:
        return undefined;
    }
  }

  #typeText(): string {
    const type = this.type();
    return type.left + type.right;
  }

  #callee(): string {
    const name = this.expression();
    return /^[\w:~<>, ]+$/.test(name) ? name : `(${name})`;
  }

  #conversion(): string {
    const type = this.#typeText();
    return this.in.eat('_') ? `(${type})(${this.#expressions()})` : `(${type})(${this.expression()})`;
  }

  #expressions(): string {
    const list: string[] = [];
    while (!this.in.eat('E')) list.push(this.expression());
    return list.join(', ');
  }

  /** `fp_`, `fp0_`, `fL<level>p_`: a parameter of the function being declared. */
  #functionParameter(): string {
    const reader = this.in;
    reader.expect('f');
    if (reader.eat('L')) reader.decimal();
    reader.expect('p');
    if (reader.eat('T')) return 'this';
    this.qualifiers();
    return `{parm#${this.sequence(10) + 1}}`;
  }

  /** What stands before the `::`: a type, or (by their spelling alone) one or more names up to an `E`. */
  #unresolvedOwner(): string {
    const reader = this.in;
    const levels = reader.eat('N') ? [this.#typeText()] : [];
    if (levels.length === 0 && !/[0-9]/.test(reader.peek())) return this.#typeText();
    while (!reader.eat('E')) levels.push(this.#withArguments(this.sourceName()));
    return levels.join('::');
  }

  #unresolvedName(): string {
    const reader = this.in;
    if (reader.eat('gs')) return `::${this.#unresolvedName()}`;
    if (reader.eat('on')) return this.#withArguments(this.unqualifiedName().left);
    if (!/[0-9a-z]/.test(reader.peek())) reader.fail();
    return this.#withArguments(this.unqualifiedName().left);
  }

  #withArguments(name: string): string {
    return this.in.peek() === 'I' ? name + this.templateArgs().left : name;
  }
}
