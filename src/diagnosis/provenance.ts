/** Turns an instruction into the place in the guest's source that a person would blame. */
import { hex } from '../base/address.ts';
import type { SiteReport } from './finding.ts';
import type { Frame, GuestView, Site } from './guest-view.ts';

/** Frames that a report shows above the blamed one. */
const CALLERS_MAX = 6;
/** Accessors seldom call accessors more than twice (`xhci_write64` -> `writeq` -> `mmio_write`). */
const ACCESSOR_DEPTH_MAX = 3;

/**
 * Functions that only carry a value to a device or to memory: `mmio_write32`, `outl`, `writeq`, `iowrite32`,
 * `write_volatile`, `memcpy`. The line that matters is the one that calls them.
 */
const ACCESSOR =
  /(^|[_:.])((mmio|register|reg|io|mem|raw|pci|config|cfg|conf|xhci|hw|operational|runtime|port|op|rt|dev|device|bus)_?)*(write|store|poke|put|set|out|iowrite)_?(reg|register|long|quad|dword|qword|volatile|relaxed|once|once_size|u?int)?_?(8|16|32|64|b|w|l|q|d)?(_lo_hi|_le|_volatile|_relaxed)?$|^(memcpy|memmove|memset|__memcpy|__memset)$/i;

export function isAccessor(name: string): boolean {
  return ACCESSOR.test(name.replace(/<.*>/g, ''));
}

function frameOf(view: GuestView, site: Site): Frame {
  return { pc: site.pc, symbol: view.symbolAt(site.pc), location: view.locationOf(site.pc), guessed: false };
}

/** `backtrace` belongs to the running instruction: pass it only when `site` is that instruction. */
export function describeSite(
  view: GuestView,
  site: Site,
  role: string,
  backtrace: readonly Frame[] | undefined,
): SiteReport {
  const own = frameOf(view, site);
  const frames = backtrace === undefined || backtrace[0]?.pc !== site.pc ? [own] : [own, ...backtrace.slice(1)];
  let blamed = 0;
  while (
    blamed < ACCESSOR_DEPTH_MAX &&
    blamed + 1 < frames.length &&
    frames[blamed]!.symbol !== undefined &&
    isAccessor(frames[blamed]!.symbol!.name) &&
    frames[blamed + 1]!.symbol !== undefined
  ) {
    blamed += 1;
  }
  const frame = frames[blamed]!;
  return {
    site,
    symbol: frame.symbol,
    location: frame.location,
    excerpt: excerptAround(view, frame),
    callers: frames.slice(blamed + 1, blamed + 1 + CALLERS_MAX),
    through: frames.slice(0, blamed),
    role,
  };
}

function excerptAround(view: GuestView, frame: Frame): { line: number; text: string }[] {
  const { location } = frame;
  if (location === undefined || location.line < 1) return [];
  const first = Math.max(1, location.line - 1);
  const lines = view.sourceLines(location.file, first, location.line);
  if (lines === undefined) return [];
  return lines.slice(0, location.line - first + 1).map((text, index) => ({ line: first + index, text }));
}

/** "kernel.c:55 in start_controller", "start_controller+0x1c", or the bare address. */
export function formatPlace(view: GuestView, pc: Site['pc']): string {
  const symbol = view.symbolAt(pc);
  const location = view.locationOf(pc);
  if (location !== undefined) {
    return `${location.file}:${location.line}${symbol === undefined ? '' : ` in ${symbol.name}`}`;
  }
  if (symbol !== undefined) return `${symbol.name}+${hex(symbol.offset)}`;
  return hex(pc);
}
