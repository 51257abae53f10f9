// MSRs that only some models have, and what values MSRs accept (Intel SDM Vol. 4; Vol. 3A 11.11 for MTRRs; Vol. 3B 15.3
// for machine checks; AMD's BIOS and Kernel Developer's Guide for its own).

import {
  FEATURES_1_EDX, FEATURES_7_EBX, FEATURES_XSAVE, FEATURE_CONTROL, HWCR, MCG_CTL, MCG_STATUS, MC_BANKS, MC_BANKS_COUNT,
  PHYSICAL_BITS, TSC_ADJUST, XSS,
} from './generated/layout';
import { isIntel } from './features';

const MSR_FEATURE_CONTROL: u32 = 0x3a;
const MSR_TSC_ADJUST: u32 = 0x3b;
const MSR_MCG_STATUS: u32 = 0x17a;
const MSR_MCG_CTL: u32 = 0x17b;
const MSR_MC0_CTL: u32 = 0x400;
const MSR_XSS: u32 = 0xda0;
const MSR_HWCR: u32 = 0xc001_0015;

/** HWCR.McStatusWrEn: machine check status registers take any value. */
const HWCR_STATUS_WRITABLE: u64 = 1 << 18;

function bankWord(msr: u32): u32 {
  return msr - MSR_MC0_CTL < MC_BANKS_COUNT * 4 ? MC_BANKS + (msr - MSR_MC0_CTL) * 8 : 0;
}

/** Where an MSR stands that depends on the model; 0: the model has none of that number. */
export function modelWord(msr: u32): u32 {
  const banks = (load<u32>(FEATURES_1_EDX) & (1 << 14)) != 0;
  switch (msr) {
    case MSR_FEATURE_CONTROL:
      return isIntel() ? FEATURE_CONTROL : 0;
    case MSR_TSC_ADJUST:
      return load<u32>(FEATURES_7_EBX) & 2 ? TSC_ADJUST : 0;
    case MSR_MCG_STATUS:
      return banks ? MCG_STATUS : 0;
    case MSR_MCG_CTL:
      return banks ? MCG_CTL : 0;
    case MSR_XSS:
      return load<u32>(FEATURES_XSAVE) & 8 ? XSS : 0;
    case MSR_HWCR:
      return isIntel() ? 0 : HWCR;
  }
  return banks ? bankWord(msr) : 0;
}

/** MSRs of the model that hold 0 and ignore what is written: nothing stands behind them here. */
export function modelZero(msr: u32): bool {
  if (isIntel()) {
    switch (msr) {
      case 0x17: // IA32_PLATFORM_ID
      case 0x2a: // EBL_CR_POWERON
      case 0x34: // SMI_COUNT
      case 0x79: // IA32_BIOS_UPDT_TRIG
      case 0xce: // PLATFORM_INFO
        return true;
    }
    return false;
  }
  switch (msr) {
    case 0xc001_0010: // SYSCFG
    case 0xc001_001a: // TOP_MEM
    case 0xc001_001d: // TOP_MEM2
    case 0xc001_001f: // NB_CFG
    case 0xc001_0020: // PATCH_LOADER
    case 0xc001_0055: // interrupt pending message
    case 0xc001_1022: // DC_CFG
    case 0xc001_1023: // BU_CFG
      return true;
  }
  return false;
}

/** Whether a model's word accepts the value; otherwise #GP(0). */
export function modelAccepts(msr: u32, value: u64): bool {
  switch (msr) {
    case MSR_FEATURE_CONTROL:
      // Bit 0 locks it until reset. VMX, inside and outside of SMX, are the other bits.
      return !(load<u64>(FEATURE_CONTROL) & 1) && !(value & ~7);
    case MSR_MCG_STATUS:
      return !(value & ~7);
    case MSR_XSS:
      // No supervisor component exists.
      return value == 0;
  }
  if (!bankWord(msr) || value == 0) return true;
  const kind = (msr - MSR_MC0_CTL) & 3;
  if (kind == 0) return true;
  // STATUS, ADDR and MISC take zeros only; AMD leaves the last two open, and a switch for the first.
  return !isIntel() && (kind > 1 || (load<u64>(HWCR) & HWCR_STATUS_WRITABLE) != 0);
}

// --- MTRRs -----------------------------------------------------------------------------------------------------------------

/** Memory types of MTRRs: UC, WC, WT, WP, WB (table 11-8). */
function mtrrType(type: u32): bool {
  return type < 2 || (type > 3 && type < 7);
}

@inline
function beyondPhysical(value: u64): bool {
  return value >> <u64>load<u32>(PHYSICAL_BITS) != 0;
}

/** IA32_MTRR_PHYSBASEn (even numbers) and IA32_MTRR_PHYSMASKn. */
export function validVariable(msr: u32, value: u64): bool {
  if (beyondPhysical(value)) return false;
  return msr & 1 ? !(value & 0x7ff) : !(value & 0xf00) && mtrrType(<u32>value & 0xff);
}

/** Eight types, one a byte. */
export function validFixed(value: u64): bool {
  for (let i: u64 = 0; i < 64; i += 8) if (!mtrrType(<u32>(value >> i) & 0xff)) return false;
  return true;
}

/** IA32_MTRR_DEF_TYPE: type, FE (bit 10), E (bit 11). */
export function validDefaultType(value: u64): bool {
  return !(value & ~0xcff) && mtrrType(<u32>value & 0xff);
}
