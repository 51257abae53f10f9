/** Turns an instruction into the place in the guest's source that a person would blame. */
import { hex } from '../base/address.ts';
import type { SiteReport } from './finding.ts';
import type { Frame, GuestView, Site } from './guest-view.ts';

/** Frames that a report shows above the blamed one. */
const CALLERS_MAX = 6;
/** Accessors that call accessors: `xhci_write64` -> `writeq` -> `mmio_write`; a library of Rust stacks a few more. */
const ACCESSOR_DEPTH_MAX = 6;

/**
 * Functions that only carry a value to or from a device or memory: `mmio_write32`, `outl`, `writeq`, `ioread32`,
 * `write_volatile`, `memcpy`. The line that matters is the one that calls them.
 */
const ACCESSOR =
  /(^|[_:.])((mmio|register|reg|io|mem|raw|pci|config|cfg|conf|xhci|hw|operational|runtime|port|op|rt|dev|device|bus)_?)*(((write|store|poke|put|set|out|iowrite|read|peek|in|ioread)_?(reg|register|long|quad|dword|qword|volatile|relaxed|once|once_size|u?int)?_?(8|16|32|64|b|w|l|q|d)?|(wr?|rd?)_?(8|16|32|64))(_lo_hi|_le|_volatile|_relaxed)?|operator=)$|^(memcpy|memmove|memset|__memcpy|__memset)$/i;

export function isAccessor(name: string): boolean {
  return ACCESSOR.test(name.replace(/<.*>/g, ''));
}

/** How many of `frames`, innermost first, only carry the value: the index of the frame to blame. */
function accessorsIn(frames: readonly Frame[]): number {
  let count = 0;
  while (
    count < ACCESSOR_DEPTH_MAX &&
    frames[count]!.symbol !== undefined &&
    isAccessor(frames[count]!.symbol!.name) &&
    frames[count + 1]?.symbol !== undefined
  ) {
    count += 1;
  }
  return count;
}

/** `backtrace` belongs to the running instruction: pass it only when `site` is that instruction. */
export function describeSite(
  view: GuestView,
  site: Site,
  role: string,
  backtrace: readonly Frame[] | undefined,
): SiteReport {
  const frames = backtrace?.[0]?.pc === site.pc ? backtrace : view.framesAt(site.pc);
  const blamed = accessorsIn(frames);
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
  const frames = view.framesAt(pc);
  return formatFrame(frames[accessorsIn(frames)]!);
}

/** As {@link formatPlace}, for a frame. */
export function formatFrame({ pc, symbol, location }: Frame): string {
  if (location !== undefined) {
    return `${location.file}:${location.line}${symbol === undefined ? '' : ` in ${symbol.name}`}`;
  }
  if (symbol !== undefined) return `${symbol.name}+${hex(symbol.offset)}`;
  return hex(pc);
}
