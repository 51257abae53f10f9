/** Input Status 1 on the virtual clock: where the beam is, from the CRTC's timing and the dot clock. */
import type { Nanoseconds } from '../../base/clock.ts';
import {
  CLOCKING_8_DOTS,
  CLOCKING_HALF,
  CRTC,
  SEQUENCER,
  STATUS_DISPLAY_DISABLED,
  STATUS_VERTICAL_RETRACE,
} from './registers.ts';
import type { VgaState } from './state.ts';

/** Miscellaneous Output bits 3-2, in MHz; the outer two have no crystal of their own. */
const DOT_CLOCKS_MHZ = [25.175, 28.322, 25.175, 25.175] as const;
/** Register values count from these (IBM Video Subsystem, "CRT Controller Registers"). */
const HORIZONTAL_TOTAL_EXTRA = 5;
const VERTICAL_TOTAL_EXTRA = 2;
const RETRACE_LINES_MASK = 15;

/** Bit 0: the beam is outside of the picture. Bit 3: vertical retrace. */
export function beamStatus(state: VgaState, now: Nanoseconds): number {
  const { crtc } = state;
  const clocking = state.sequencerInForce(SEQUENCER.clockingMode);
  const dots = (clocking & CLOCKING_8_DOTS) !== 0 ? 8 : 9;
  const halved = (clocking & CLOCKING_HALF) !== 0 ? 2 : 1;
  const nanosecondsPerCharacter = (1000 * dots * halved) / DOT_CLOCKS_MHZ[((state.miscellaneous >> 2) & 3) as 0]!;
  const shownColumns = crtc[CRTC.horizontalDisplayEnd]! + 1;
  const columns = Math.max(crtc[CRTC.horizontalTotal]! + HORIZONTAL_TOTAL_EXTRA, shownColumns + 1);
  const shownLines = state.verticalValue(CRTC.verticalDisplayEnd, 1, 6) + 1;
  const lines = Math.max(state.verticalValue(CRTC.verticalTotal, 0, 5) + VERTICAL_TOTAL_EXTRA, shownLines + 1);
  const characters = Math.floor(now / nanosecondsPerCharacter) % (columns * lines);
  const line = Math.floor(characters / columns);
  const shown = line < shownLines && characters % columns < shownColumns;
  // The retrace ends when the line's low four bits equal Vertical Retrace End; lines that never come: right after the picture.
  const programmed = state.verticalValue(CRTC.verticalRetraceStart, 2, 7);
  const start = programmed < lines ? programmed : shownLines;
  const length = (crtc[CRTC.verticalRetraceEnd]! - start) & RETRACE_LINES_MASK || RETRACE_LINES_MASK + 1;
  const retrace = line >= start && line < start + length;
  return (shown ? 0 : STATUS_DISPLAY_DISABLED) | (retrace ? STATUS_VERTICAL_RETRACE : 0);
}
