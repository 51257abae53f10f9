/** All rules, in the order in which they look at a fact: what explains others comes before what it explains. */
import type { Rule } from '../rule.ts';
import busMasterOff from './dma/bus-master-off.ts';
import deviceMemory from './dma/device-memory.ts';
import doubleTranslation from './dma/double-translation.ts';
import outsideMemory from './dma/outside-memory.ts';
import truncatedAddress from './dma/truncated-address.ts';
import virtualAddress from './dma/virtual-address.ts';
import virtualAddressInStructure from './dma/virtual-address-in-structure.ts';
import virtualLinkTrb from './dma/virtual-link-trb.ts';
import { ENDLESS_WAIT } from './machine/endless-wait.ts';
import barUnassigned from './pci/bar-unassigned.ts';
import memorySpaceOff from './pci/memory-space-off.ts';
import commandCycleMismatch from './xhci/command-cycle-mismatch.ts';
import { CONSTRAINTS } from './xhci/constraints.ts';
import crcrWrittenWhileRunning from './xhci/crcr-written-while-running.ts';
import cycleBitWrong from './xhci/cycle-bit-wrong.ts';
import doorbellWrongSlot from './xhci/doorbell-wrong-slot.ts';
import erstInvalid from './xhci/erst-invalid.ts';
import erstSizeLate from './xhci/erst-size-late.ts';
import outputContextMissing from './xhci/output-context-missing.ts';
import pointerRegisterZero from './xhci/pointer-register-zero.ts';
import portResetUnready from './xhci/port-reset-unready.ts';
import registerBaseWrong from './xhci/register-base-wrong.ts';
import registerHalfWritten from './xhci/register-half-written.ts';
import registerWidth from './xhci/register-width.ts';
import registersLostByReset from './xhci/registers-lost-by-reset.ts';
import ringEndUnlinked from './xhci/ring-end-unlinked.ts';
import segmentCrossesBoundary from './xhci/segment-crosses-boundary.ts';
import startedWithoutRings from './xhci/started-without-rings.ts';
import trbTypeInvalid from './xhci/trb-type-invalid.ts';

export const RULES: readonly Rule[] = [
  virtualAddress,
  doubleTranslation,
  virtualAddressInStructure,
  virtualLinkTrb,
  truncatedAddress,
  outsideMemory,
  deviceMemory,
  busMasterOff,
  memorySpaceOff,
  barUnassigned,
  registersLostByReset,
  pointerRegisterZero,
  crcrWrittenWhileRunning,
  commandCycleMismatch,
  erstSizeLate,
  erstInvalid,
  startedWithoutRings,
  ringEndUnlinked,
  cycleBitWrong,
  segmentCrossesBoundary,
  ...CONSTRAINTS,
  doorbellWrongSlot,
  trbTypeInvalid,
  outputContextMissing,
  registerWidth,
  registerHalfWritten,
  registerBaseWrong,
  portResetUnready,
  ENDLESS_WAIT,
];
