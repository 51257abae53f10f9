/** The diagnosis, as the layers above it use it. */
export { DiagnosisEngine, type EngineOptions } from './engine.ts';
export { explainRule, findRule, listRules, listText, suggestRules } from './explain.ts';
export type { Certainty, Diagnosis, Fact, Finding, Outcome, Severity, SiteReport } from './finding.ts';
export type * from './guest-view.ts';
export { type JsonFinding, type JsonReport, jsonReport, renderJson } from './report/json.ts';
export { ANSI, type Palette, PLAIN } from './report/palette.ts';
export { REPORT_SCHEMA } from './report/schema.ts';
export { headingOf, renderText, summaryLine, type TextOptions } from './report/text.ts';
export type { Rule } from './rule.ts';
