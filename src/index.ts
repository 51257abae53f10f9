/**
 * dmascope as a library: build a PC, load a kernel, run it, listen to what its parts state, and read the diagnosis.
 * Nothing here touches Node or the DOM. docs/library.md has an example that the tests compile and run.
 */
export { type BusAddress, bus, busToGpa, type Gpa, type Gva, gpa, gva, hex } from './base/address.ts';
export type { VirtualClock } from './base/clock.ts';
export {
  TraceBus,
  type TraceChannel,
  type TraceEvents,
  type TraceListener,
  type TraceName,
} from './base/trace.ts';
export type * from './cpu/events.ts';
export type { RegisterView, Writer } from './cpu/types.ts';
export { LOG_ITEMS, parseLogItems } from './debug/log-items.ts';
export { attachQemuLog, type QemuLogOptions } from './debug/qemu-log.ts';
export { TRACE_EVENT_NAMES } from './debug/trace-lines.ts';
export type * from './devices/events.ts';
export type * from './diagnosis/events.ts';
export {
  ANSI,
  type Certainty,
  type Diagnosis,
  DiagnosisEngine,
  type EngineOptions,
  explainRule,
  type Fact,
  type Finding,
  findRule,
  type GuestView,
  headingOf,
  type JsonFinding,
  type JsonReport,
  jsonReport,
  listRules,
  type Outcome as RunEnd,
  type Palette,
  PLAIN,
  REPORT_SCHEMA,
  type Rule,
  renderJson,
  renderText,
  type Severity,
  type SiteReport,
  summaryLine,
  type TextOptions,
} from './diagnosis/index.ts';
export { MachineView, type MachineViewOptions } from './diagnosis/machine-view.ts';
export type * from './interrupts/events.ts';
export { createQ35 } from './machine/boards/q35.ts';
export type { BoardError, DeviceOption, HandOver, Q35Options } from './machine/boards/q35-options.ts';
export type * from './machine/events.ts';
export type { LoadError, LoadOptions, LoadPlan, MemoryMapEntry } from './machine/loaders/load-plan.ts';
export { Machine } from './machine/machine.ts';
export type { Outcome, RunLimits } from './machine/outcome.ts';
export type * from './memory/events.ts';
export type * from './pci/events.ts';
export { type NamedAddress, SymbolTable, type SymbolTableOptions } from './symbols/symbol-table.ts';
export type * from './xhci/events.ts';
export { PERSONALITIES, type XhciPersonality } from './xhci/personality.ts';
export type * from './xhci/transfers/events.ts';
