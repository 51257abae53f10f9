/** Colours as the DAC sends them to the monitor. */
import { ATTRIBUTE, MODE_INTERNAL_PALETTE } from './registers.ts';
import type { VgaState } from './state.ts';

/** Six bits of intensity as eight: the lowest bit fills what is missing, as QEMU does. */
function widen(value: number): number {
  const low = value & 1;
  return ((value & 0x3f) << 2) | (low << 1) | low;
}

/** A DAC entry as 0xrrggbb. */
function dacColor(state: VgaState, entry: number): number {
  const { palette, dac8Bit } = state;
  const [red, green, blue] = [palette[3 * entry]!, palette[3 * entry + 1]!, palette[3 * entry + 2]!];
  if (dac8Bit) return (red << 16) | (green << 8) | blue;
  return (widen(red) << 16) | (widen(green) << 8) | widen(blue);
}

/** All 256 entries, for modes that bypass the attribute controller. */
export function dacColors(state: VgaState): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, entry) => dacColor(state, entry));
}

/** The 16 colours of the attribute controller (IBM Video Subsystem, "Internal Palette" and "Color Select"). */
export function attributeColors(state: VgaState): Uint32Array {
  const { attribute } = state;
  const select = attribute[ATTRIBUTE.colorSelect]!;
  const short = (attribute[ATTRIBUTE.modeControl]! & MODE_INTERNAL_PALETTE) !== 0;
  return Uint32Array.from({ length: 16 }, (_, index) => {
    const value = attribute[index]!;
    const entry = short ? ((select & 0x0f) << 4) | (value & 0x0f) : ((select & 0x0c) << 4) | (value & 0x3f);
    return dacColor(state, entry);
  });
}
