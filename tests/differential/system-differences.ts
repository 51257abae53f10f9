/**
 * Where Debian's QEMU 7.2 and our processor answer the guest `cpu` differently, and who is right. A line that differs and is
 * named by none of these is a failure; so is an entry that no line needs.
 */

export interface Difference {
  readonly group: string;
  /** What the differing lines look like, on either side. */
  readonly line: RegExp;
  readonly reason: string;
}

const difference = (group: string, line: RegExp, reason: string): Difference => ({ group, line, reason });

/** SDM: Intel's Software Developer's Manual; the manual is on our side unless the reason says otherwise. */
export const DIFFERENCES: readonly Difference[] = [
  difference('paging', /^read across the edge/, 'QEMU looks at the first byte only'),
  difference('paging', /^1 GiB page, not offered/, 'QEMU does not ask CPUID; without the feature PS is reserved'),
  difference('privilege', /^MOV from CR[15]/, 'QEMU checks CPL before it looks at the number'),
  difference('msr', /^CR8: /, 'QEMU takes any CR8'),
  difference('paging', /reserved (bit|PS)/, 'QEMU leaves P out of the error code of a reserved bit (SDM 3A 4.7)'),
  difference('paging', /^PCID/, 'QEMU 7.2 has no PCID'),
  difference('paging', /^split .*, add:/, 'QEMU reads across the split before it checks for writing'),
  difference('paging', /^(by R|push|call)/, 'QEMU raises #GP for a non-canonical stack address; the SDM says #SS(0)'),
  difference('paging', /^(jump|return):/, 'QEMU faults at the non-canonical target; the branch itself faults (SDM 2A)'),
  difference(
    'privilege',
    /^INT .*DPL 0/,
    'QEMU counts 16 bytes an entry in error codes; a selector index counts vectors',
  ),
  difference(
    'privilege',
    /^call( from compatibility mode)?: done at 3[8b]:code\+802 |^pushed (400007|2b|0)$/,
    'QEMU leaves RPL 0 in CS of conforming code at CPL 3, which the guest takes for CPL 0',
  ),
  difference(
    'privilege',
    /^call( from .*)?: #GP\(0\) at (8:8000000000000000|2b:code\+0|1b:code\+0|8:kcode\+0) /,
    'QEMU faults at the non-canonical target of a gate',
  ),
  difference('privilege', /^CPL 0:/, 'QEMU takes a null SS whose RPL is not the CPL'),
  difference('privilege', /^(IRETQ|LRETQ) to a non-canonical/, 'QEMU faults at the target'),
  difference('privilege', /^(WRFSBASE, RDFSBASE|non-canonical):/, 'QEMU takes a non-canonical base'),
  difference(
    'exceptions',
    /^alignment: (read of [248]|write of 4|ADD|push|call|MOVSD?|REP STOS|FLD of 8): (done|#AC\(0\)) at 2b:code\+/,
    'QEMU 7.2 checks no alignment',
  ),
  difference('exceptions', /^LOCK MOV/, 'QEMU accesses memory before it refuses LOCK'),
  difference('exceptions', /^reserved bit of MXCSR/, 'QEMU takes any MXCSR'),
  difference(
    'exceptions',
    /^(INT 0x5[01][a-z ]*|beyond the limit): #(GP|NP)\((502|282|512|28a)\) at /,
    'QEMU counts 16 bytes an entry in error codes',
  ),
  difference(
    'exceptions',
    /^(UD2|gate not present|gate of type 0): #(GP|NP)\((32|1a|62|33|72|3b)\) at /,
    'QEMU counts 16 bytes an entry in error codes, and leaves EXT out',
  ),
  difference(
    'exceptions',
    /^UD2: #(GP|NP)\(([01]|1[01]|2[89]|3[01]|4[89]|8[01]|ff[89])\) at /,
    'QEMU leaves EXT out of the error code',
  ),
  difference('exceptions', /^gate to data: #GP\(1[01]\) at /, 'QEMU leaves EXT out of the error code'),
  difference(
    'exceptions',
    /^gate (not present|of type 0|to data): #(GP|DF)\(0\) at 8:kcode\+3 /,
    'QEMU raises #GP, whose gate is whole, for a non-canonical stack address',
  ),
  difference('exceptions', /^non-canonical offset/, 'QEMU faults at the handler'),
  difference(
    'exceptions',
    /^(IST|stack) not present: #(PF\(2\) cr2 hole\+7(f8|d8|d0)|GP\(0\)) at /,
    'QEMU names the first word of the frame, we its lowest; the SDM leaves it open',
  ),
  difference(
    'exceptions',
    /^stack non-canonical: #(SS\([01]\)|GP\(0\)|DF\(0\)) at /,
    'QEMU leaves EXT out of the error code, or had raised #GP',
  ),
  difference('exceptions', /^plain: #(GP|SS)/, 'QEMU raises #GP for a non-canonical stack address'),
  difference('exceptions', /^#XM/, 'QEMU raises no #XM'),
  difference('debug', /^(ICEBP|INT 1)/, 'QEMU does not know INT1, and its error codes count 16 bytes an entry'),
  difference('debug', /^REP STOS/, 'QEMU stays on a REP that is complete'),
  difference(
    'debug',
    /^(write across|two at once|disabled match|with TF|code, with TF)/,
    'QEMU looks at whole addresses, one at a time',
  ),
  difference('debug', /^(GD|DR7 after)/, 'QEMU has no general detect'),
  difference('debug', /^DR[67] of ones/, 'QEMU keeps reserved bits'),
  difference('segments', /^type 0[1345]/, 'QEMU accepts types that are reserved in long mode for LAR and LSL'),
  difference('segments', /^(read through ES|compatibility mode uses)/, 'QEMU lets null segments be used'),
  difference('segments', /^(LTR|MOV SS, CPL 0|LLDT of)/, 'QEMU takes null and non-canonical ones'),
  difference('msr', /(base|GS_BASE|STAR|SYSENTER_E?[SI]P) of/, 'QEMU takes non-canonical addresses'),
  difference('msr', /^SYSENTER_CS of/, 'QEMU keeps 16 bits'),
  difference('msr', /^PAT of/, 'QEMU takes reserved memory types'),
  difference('msr', /^EFER of (d03|10d01): (d01|vector 13\(0\))$/, 'QEMU drops reserved bits'),
  difference(
    'msr',
    /^EFER\.LME cleared under paging: (done at .* ax c01$|#GP\(0\) at )|^EFER\.LMA is read-only: done at .* ax [cd]01$/,
    'QEMU lets LME go under paging, which the next check still sees',
  ),
  difference('msr', /^CR0\.NW alone: (done|#GP\(0\)) at .* ax a0010033$/, 'QEMU takes an impossible combination'),
  difference(
    'msr',
    /^CR0 bit (32|63): (done at .* ax 80010033$|#GP\(0\) at )|^CR0 reserved bit 6: done at .* ax 800100[37]3$/,
    'QEMU drops bits above 32 and keeps bit 6; the first are #GP(0), the second is ignored',
  ),
  difference('system-calls', /^SYSCALL from 64-bit/, 'QEMU 7.2 loses arithmetic flags and DF in SYSCALL'),
  difference('system-calls', /^SYSRET to 64-bit|^SYSRET to compat/, 'QEMU loads VM and RF, and not VIF and VIP'),
  difference('system-calls', /^SYSRET to a non-canonical/, "SYSRET checks RCX as Intel's does"),
  difference('system-calls', /^SYSENTER in compatibility/, "QEMU has SYSENTER on AMD's models in compatibility mode"),
];
