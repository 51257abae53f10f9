// System management mode: entry, the state save map, RSM (AMD APM Vol. 2 10.2, 10.3, table 10-1; Intel SDM Vol. 3C 31).
// Does not implement: I/O instruction restart (the revision identifier does not offer it), SVM and MTRR fields of the map.

import {
  CONTINUE_AT_RIP, CPL, CR0, CR3, CR4, DEBUG_PENDING, DEBUG_REGISTERS, EFER, EVENTS, EVENT_DEBUG, EVENT_HALTED, EVENT_SMI,
  EXIT_REASON, EXIT_TO_HOST, EXIT_TRIPLE_FAULT, FAULTED, GDT_BASE, GDT_LIMIT, GPR, HALTED, IDT_BASE, IDT_LIMIT,
  INTERRUPT_SHADOW, NMI_BLOCKED, RIP, SEGMENT_ATTRIBUTES, SEGMENT_BASE, SEGMENT_LIMIT, SEGMENT_SELECTOR, SEG_CS, SEG_ES,
  SEG_GS, SEG_LDTR, SEG_SS, SEG_TR, SMBASE, SMM_ACTIVE, SMM_DEBUG_PENDING, SMM_NMI_BLOCKED,
} from './generated/layout';
import { controlRegistersChanged } from './control-registers';
import { readFlags, writeFlags } from './flags';
import { managementMode } from './host';
import { physicalRead32, physicalRead64, physicalWrite } from './physical';
import {
  CR0_CD, CR0_EM, CR0_NW, CR0_PE, CR0_PG, CR0_TS, CR4_PAE, EFER_LMA, EFER_LME, FLAG_VM, UD, raise, segment,
  segmentAttributes, setSegment,
} from './state';

/** AMD64's map, with SMBASE relocation: the identifier that firmware compares as a whole. */
const REVISION: u32 = 0x0002_0064;
const RELOCATION: u32 = 0x0002_0000;
/** The map ends 64 KiB above SMBASE; the offsets below are those of the manual's table, from SMBASE. */
const AUTO_HALT: u32 = 0xfec9;
const FLAGS_DEFINED: u32 = 0x003f_7fd5;
const DR6: u32 = DEBUG_REGISTERS + 6 * 8;
const DR7: u32 = DEBUG_REGISTERS + 7 * 8;
/** Where the map has the general registers 0-15: from the top down. */
const LAST_REGISTER: u32 = 0xfff8;

@inline
function at(offset: u32): u64 {
  return <u64>load<u32>(SMBASE) + offset;
}

/** A segment register's 16 bytes: selector, attributes, limit, base. GDTR and IDTR use the limit and the base. */
function saveSegment(offset: u32, index: u32): void {
  const from = segment(index);
  physicalWrite(at(offset), 2, load<u32>(from, SEGMENT_SELECTOR));
  physicalWrite(at(offset + 2), 2, load<u32>(from, SEGMENT_ATTRIBUTES) & 0xf0ff);
  physicalWrite(at(offset + 4), 4, load<u32>(from, SEGMENT_LIMIT));
  physicalWrite(at(offset + 8), 8, load<u64>(from, SEGMENT_BASE));
}

function loadSegment(offset: u32, index: u32): void {
  const words = physicalRead32(at(offset));
  setSegment(index, words & 0xffff, physicalRead64(at(offset + 8)), physicalRead32(at(offset + 4)), words >>> 16);
}

function saveState(wasHalted: bool): void {
  for (let i: u32 = SEG_ES; i <= SEG_GS; i++) saveSegment(0xfe00 + 16 * i, i);
  physicalWrite(at(0xfe64), 4, load<u32>(GDT_LIMIT));
  physicalWrite(at(0xfe68), 8, load<u64>(GDT_BASE));
  saveSegment(0xfe70, SEG_LDTR);
  physicalWrite(at(0xfe84), 4, load<u32>(IDT_LIMIT));
  physicalWrite(at(0xfe88), 8, load<u64>(IDT_BASE));
  saveSegment(0xfe90, SEG_TR);
  physicalWrite(at(AUTO_HALT - 1), 2, wasHalted ? 0x100 : 0);
  physicalWrite(at(0xfed0), 8, load<u64>(EFER));
  physicalWrite(at(0xfefc), 4, REVISION);
  physicalWrite(at(0xff00), 4, load<u32>(SMBASE));
  physicalWrite(at(0xff48), 8, load<u64>(CR4));
  physicalWrite(at(0xff50), 8, load<u64>(CR3));
  physicalWrite(at(0xff58), 8, load<u64>(CR0));
  physicalWrite(at(0xff60), 8, load<u64>(DR7));
  physicalWrite(at(0xff68), 8, load<u64>(DR6));
  physicalWrite(at(0xff70), 8, readFlags());
  physicalWrite(at(0xff78), 8, load<u64>(RIP));
  for (let i: u32 = 0; i < 16; i++) physicalWrite(at(LAST_REGISTER - 8 * i), 8, load<u64>(GPR + 8 * i));
}

/** Takes the system management interrupt between two instructions. */
export function enterManagementMode(): void {
  // The handler's memory shows before the state is saved there.
  store<u32>(SMM_ACTIVE, 1);
  managementMode(1);
  const wasHalted = load<u32>(HALTED) != 0;
  saveState(wasHalted);
  store<u32>(SMM_NMI_BLOCKED, load<u32>(NMI_BLOCKED));
  store<u32>(SMM_DEBUG_PENDING, load<u32>(DEBUG_PENDING));
  store<u32>(NMI_BLOCKED, 1);
  store<u32>(DEBUG_PENDING, 0);
  store<u32>(HALTED, 0);
  store<u32>(INTERRUPT_SHADOW, 0);
  store<u32>(EVENTS, load<u32>(EVENTS) & ~(EVENT_SMI | EVENT_DEBUG | EVENT_HALTED));
  store<u64>(EFER, 0);
  writeFlags(2);
  store<u64>(RIP, 0x8000);
  store<u64>(CR0, load<u64>(CR0) & ~(CR0_PE | CR0_EM | CR0_TS | CR0_PG));
  store<u64>(CR4, 0);
  store<u64>(DR7, 0x400);
  store<u32>(CPL, 0);
  // Real-mode segments with 4 GiB limits.
  for (let i: u32 = SEG_ES; i <= SEG_GS; i++) setSegment(i, 0, 0, 0xffffffff, 0x8093);
  const base = load<u32>(SMBASE);
  setSegment(SEG_CS, (base >>> 4) & 0xffff, base, 0xffffffff, 0x809b);
  controlRegistersChanged();
}

/** Whether the saved control registers can be in force together; otherwise RSM shuts the processor down. */
function savedStateIsValid(): bool {
  const cr0 = physicalRead64(at(0xff58));
  const cr4 = physicalRead64(at(0xff48));
  const efer = physicalRead64(at(0xfed0));
  if (cr0 >> 32 != 0 || (cr0 & CR0_PG && !(cr0 & CR0_PE)) || (cr0 & CR0_NW && !(cr0 & CR0_CD))) return false;
  if (cr4 >> 32 != 0 || efer >> 32 != 0) return false;
  return !(efer & EFER_LME && cr0 & CR0_PG) || (cr4 & CR4_PAE) != 0;
}

function restoreState(): void {
  const cr0 = physicalRead64(at(0xff58));
  const efer = physicalRead64(at(0xfed0));
  store<u64>(CR0, cr0);
  store<u64>(CR4, physicalRead64(at(0xff48)));
  store<u64>(CR3, physicalRead64(at(0xff50)));
  store<u64>(EFER, efer & EFER_LME && cr0 & CR0_PG ? efer | EFER_LMA : efer & ~EFER_LMA);
  store<u64>(DR7, physicalRead64(at(0xff60)));
  store<u64>(DR6, physicalRead64(at(0xff68)));
  writeFlags((<u32>physicalRead64(at(0xff70)) & FLAGS_DEFINED) | 2);
  store<u64>(RIP, physicalRead64(at(0xff78)));
  for (let i: u32 = 0; i < 16; i++) store<u64>(GPR + 8 * i, physicalRead64(at(LAST_REGISTER - 8 * i)));
  for (let i: u32 = SEG_ES; i <= SEG_GS; i++) loadSegment(0xfe00 + 16 * i, i);
  store<u32>(GDT_LIMIT, physicalRead32(at(0xfe64)));
  store<u64>(GDT_BASE, physicalRead64(at(0xfe68)));
  loadSegment(0xfe70, SEG_LDTR);
  store<u32>(IDT_LIMIT, physicalRead32(at(0xfe84)));
  store<u64>(IDT_BASE, physicalRead64(at(0xfe88)));
  loadSegment(0xfe90, SEG_TR);
  // The stack segment's DPL is the level, as in virtualization.
  const level = readFlags() & FLAG_VM ? 3 : cr0 & CR0_PE ? (segmentAttributes(SEG_SS) >>> 5) & 3 : 0;
  store<u32>(CPL, level);
}

/** RSM: back to where the interrupt came, or where the handler's changes to the map lead. #UD outside of the mode. */
export function sys_rsm(_uop: u32): i32 {
  if (!load<u32>(SMM_ACTIVE)) {
    raise(UD);
    return FAULTED;
  }
  if (!savedStateIsValid()) {
    store<u32>(HALTED, 2);
    store<u32>(EVENTS, load<u32>(EVENTS) | EVENT_HALTED);
    store<u32>(EXIT_REASON, EXIT_TRIPLE_FAULT);
    return EXIT_TO_HOST;
  }
  restoreState();
  const halts = (physicalRead32(at(AUTO_HALT - 1)) >>> 8) & 0xff;
  if (physicalRead32(at(0xfefc)) & RELOCATION) store<u32>(SMBASE, physicalRead32(at(0xff00)));
  store<u32>(SMM_ACTIVE, 0);
  store<u32>(NMI_BLOCKED, load<u32>(SMM_NMI_BLOCKED));
  store<u32>(DEBUG_PENDING, load<u32>(SMM_DEBUG_PENDING));
  store<u32>(SMM_DEBUG_PENDING, 0);
  let events = load<u32>(EVENTS) & ~EVENT_DEBUG;
  if (load<u32>(DEBUG_PENDING)) events |= EVENT_DEBUG;
  if (halts) {
    store<u32>(HALTED, 1);
    events |= EVENT_HALTED;
  }
  store<u32>(EVENTS, events);
  managementMode(0);
  controlRegistersChanged();
  return CONTINUE_AT_RIP;
}
