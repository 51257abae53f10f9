/** As much of JSON Schema 2020-12 as the report's schema uses; an unknown keyword is an error, so that none is ignored. */
type Schema = { readonly [keyword: string]: unknown };

const ANNOTATIONS = new Set(['$schema', '$id', 'title', 'description']);

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number' && Number.isInteger(value)) return 'integer';
  return typeof value;
}

function hasType(value: unknown, wanted: string): boolean {
  const actual = typeOf(value);
  return actual === wanted || (wanted === 'number' && actual === 'integer');
}

/** What `value` violates, one line each; empty when it is valid. */
export function checkSchema(schema: Schema, value: unknown, path = '$'): string[] {
  return Object.entries(schema).flatMap(([keyword, rule]) =>
    ANNOTATIONS.has(keyword) ? [] : checkKeyword(keyword, rule, schema, value, path),
  );
}

function checkKeyword(keyword: string, rule: unknown, schema: Schema, value: unknown, path: string): string[] {
  const members = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  const fail = (condition: boolean): string[] => (condition ? [`${path}: ${keyword} ${JSON.stringify(rule)}`] : []);
  switch (keyword) {
    case 'type':
      return fail(![rule].flat().some((wanted) => hasType(value, wanted as string)));
    case 'const':
      return fail(value !== rule);
    case 'enum':
      return fail(!(rule as unknown[]).includes(value));
    case 'pattern':
      return fail(typeof value === 'string' && !new RegExp(rule as string).test(value));
    case 'minimum':
      return fail(typeof value === 'number' && value < (rule as number));
    case 'anyOf':
      return fail(!(rule as Schema[]).some((option) => checkSchema(option, value, path).length === 0));
    case 'required':
      return members === undefined ? [] : fail(!(rule as string[]).every((key) => key in members));
    case 'additionalProperties': {
      const known = Object.keys(schema.properties as object);
      return members === undefined ? [] : fail(!Object.keys(members).every((key) => known.includes(key)));
    }
    case 'properties':
      return Object.entries(members ?? {}).flatMap(([key, entry]) => {
        const property = (rule as Record<string, Schema>)[key];
        return property === undefined ? [] : checkSchema(property, entry, `${path}.${key}`);
      });
    case 'items':
      return (Array.isArray(value) ? value : []).flatMap((entry, index) =>
        checkSchema(rule as Schema, entry, `${path}[${index}]`),
      );
    default:
      return [`${path}: the checker does not know "${keyword}"`];
  }
}
