/** JSON Schema (2020-12) of the JSON report; docs/report.schema.json is generated from it. */
const HEX = { type: 'string', pattern: '^0x[0-9a-f]{1,16}$' } as const;
const HEX_OR_NULL = { anyOf: [HEX, { type: 'null' }] } as const;
const STRING_OR_NULL = { type: ['string', 'null'] } as const;

export const REPORT_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'dmascope.report/1',
  title: 'dmascope report',
  description: 'What one run found. 64-bit values are lower-case hexadecimal strings.',
  type: 'object',
  required: ['schema', 'outcome', 'findings'],
  additionalProperties: false,
  properties: {
    schema: { const: 'dmascope.report/1' },
    outcome: {
      description: 'How the run ended.',
      type: 'object',
      required: ['kind', 'text', 'exitCode', 'time', 'instruction', 'dropped'],
      additionalProperties: false,
      properties: {
        kind: { type: 'string' },
        text: { type: 'string' },
        exitCode: { type: ['integer', 'null'] },
        time: { description: 'Nanoseconds of guest time.', type: 'number', minimum: 0 },
        instruction: { description: 'Instructions executed.', type: 'integer', minimum: 0 },
        dropped: { description: 'Findings that no longer fitted.', type: 'integer', minimum: 0 },
      },
    },
    findings: {
      type: 'array',
      items: {
        type: 'object',
        required: [
          'rule',
          'catalogue',
          'severity',
          'certainty',
          'device',
          'where',
          'address',
          'expected',
          'causedBy',
          'site',
          'text',
        ],
        additionalProperties: false,
        properties: {
          rule: { description: 'area/noun-problem.', type: 'string', pattern: '^[a-z]+/[a-z0-9-]+$' },
          catalogue: { type: 'array', items: { type: 'string', pattern: '^[A-Z]+-[0-9]{2}$' } },
          severity: { enum: ['error', 'warning', 'note'] },
          certainty: { enum: ['certain', 'portability', 'suspected'] },
          device: STRING_OR_NULL,
          where: { description: 'Register, field or structure.', type: 'string' },
          address: HEX_OR_NULL,
          expected: { ...HEX_OR_NULL, description: 'What should stand there.' },
          causedBy: {
            description: 'Index of the root cause in `findings`; null for a root.',
            type: ['integer', 'null'],
            minimum: 0,
          },
          site: {
            anyOf: [
              { type: 'null' },
              {
                type: 'object',
                required: ['pc', 'symbol', 'file', 'line'],
                additionalProperties: false,
                properties: {
                  pc: HEX,
                  symbol: STRING_OR_NULL,
                  file: STRING_OR_NULL,
                  line: { type: ['integer', 'null'], minimum: 1 },
                },
              },
            ],
          },
          text: { description: 'The finding as the text report prints it.', type: 'string' },
        },
      },
    },
  },
} as const;
