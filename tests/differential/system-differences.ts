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
    /^(call|pushed)/,
    'QEMU leaves RPL 0 in CS of conforming code at CPL 3, and checks the target late',
  ),
  difference('privilege', /^jump: #(NP|GP)/, 'the order of checks behind a gate'),
  difference('privilege', /^gate with a type/, 'the upper half of a call gate is not checked here'),
  difference('privilege', /^CPL 0:/, 'QEMU takes a null SS whose RPL is not the CPL'),
  difference('privilege', /^(IRETQ|LRETQ) to a non-canonical/, 'QEMU faults at the target'),
  difference('privilege', /^(WRFSBASE, RDFSBASE|non-canonical):/, 'QEMU takes a non-canonical base'),
  difference('exceptions', /^LOCK MOV/, 'QEMU accesses memory before it refuses LOCK'),
  difference('exceptions', /^reserved bit of MXCSR/, 'QEMU takes any MXCSR'),
  difference('exceptions', /^(INT 0x5|UD2|beyond|gate)/, 'QEMU has neither EXT nor the right index in error codes'),
  difference('exceptions', /^non-canonical offset/, 'QEMU faults at the handler'),
  difference(
    'exceptions',
    /^(IST|stack) not present/,
    'QEMU names the first word of the frame, we its lowest; the SDM leaves it open',
  ),
  difference('exceptions', /^stack non-canonical/, 'QEMU leaves EXT out of the error code'),
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
  difference('self-modifying', /^REP STOSB over itself/, 'how far a REP runs that overwrites itself is left open'),
  difference('msr', /(base|GS_BASE|STAR|SYSENTER_E?[SI]P) of/, 'QEMU takes non-canonical addresses'),
  difference('msr', /^SYSENTER_CS of/, 'QEMU keeps 16 bits'),
  difference('msr', /^PAT of/, 'QEMU takes reserved memory types'),
  difference('msr', /^EFER/, 'QEMU drops reserved bits, and lets LME and LMA go under paging'),
  difference('msr', /^CR0/, 'QEMU drops reserved bits and takes impossible combinations'),
  difference('system-calls', /^SYSCALL from 64-bit/, 'QEMU 7.2 loses arithmetic flags and DF in SYSCALL'),
  difference('system-calls', /^SYSRET to 64-bit|^SYSRET to compat/, 'QEMU loads VM and RF, and not VIF and VIP'),
  difference('system-calls', /^SYSRET to a non-canonical/, "SYSRET checks RCX as Intel's does"),
  difference('system-calls', /^SYSENTER in compatibility/, "QEMU has SYSENTER on AMD's models in compatibility mode"),
];
