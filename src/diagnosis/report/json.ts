/** The report that a program reads: `dmascope.report/1`, described by docs/report.schema.json. */
import { hex } from '../../base/address.ts';
import type { Certainty, Diagnosis, Finding, Severity } from '../finding.ts';
import { renderFindingText } from './text.ts';

/** 64-bit values are strings such as "0x2e3080": JSON numbers lose bits above 2^53. */
export interface JsonFinding {
  readonly rule: string;
  readonly catalogue: readonly string[];
  readonly severity: Severity;
  readonly certainty: Certainty;
  readonly device: string | null;
  readonly where: string;
  readonly address: string | null;
  readonly expected: string | null;
  /** Index in `findings` of the root cause; `null` for a root. */
  readonly causedBy: number | null;
  readonly site: {
    readonly pc: string;
    readonly symbol: string | null;
    readonly file: string | null;
    readonly line: number | null;
  } | null;
  readonly text: string;
}

export interface JsonReport {
  readonly schema: 'dmascope.report/1';
  readonly outcome: {
    readonly kind: string;
    readonly text: string;
    readonly exitCode: number | null;
    readonly time: number;
    readonly instruction: number;
    readonly dropped: number;
  };
  readonly findings: readonly JsonFinding[];
}

function hexOrNull(value: number | bigint | undefined): string | null {
  return value === undefined ? null : hex(value);
}

function jsonFinding(finding: Finding, index: ReadonlyMap<Finding, number>, hasSymbols: boolean): JsonFinding {
  const { site } = finding;
  return {
    rule: finding.rule.id,
    catalogue: finding.rule.catalogue,
    severity: finding.severity,
    certainty: finding.certainty,
    device: finding.device ?? null,
    where: finding.where,
    address: hexOrNull(finding.address),
    expected: hexOrNull(finding.expected),
    causedBy: finding.causedBy === undefined ? null : (index.get(finding.causedBy) ?? null),
    site:
      site === undefined
        ? null
        : {
            pc: hex(site.site.pc),
            symbol: site.symbol?.name ?? null,
            file: site.location?.file ?? null,
            line: site.location?.line ?? null,
          },
    text: renderFindingText(finding, hasSymbols),
  };
}

export function jsonReport(diagnosis: Diagnosis): JsonReport {
  const index = new Map(diagnosis.findings.map((finding, position) => [finding, position]));
  const { kind, text, exitCode, time, instruction } = diagnosis.outcome;
  return {
    schema: 'dmascope.report/1',
    outcome: { kind, text, exitCode: exitCode ?? null, time, instruction, dropped: diagnosis.dropped },
    findings: diagnosis.findings.map((finding) => jsonFinding(finding, index, diagnosis.hasSymbols)),
  };
}

/** The report as text: two blanks of indentation, a final line end, the same bytes for the same run. */
export function renderJson(diagnosis: Diagnosis): string {
  return `${JSON.stringify(jsonReport(diagnosis), undefined, 2)}\n`;
}
