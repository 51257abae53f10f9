/** The Binary Object Store (USB 3.2 §9.6.2): what a device can do beyond USB 2.0. */
import { DescriptorType } from './descriptors.ts';

const DEVICE_CAPABILITY = 0x10;

/** USB 2.0 Extension with Link Power Management (USB 3.2 §9.6.2.1), as QEMU's high-speed devices have it. */
export const LPM_EXTENSION: readonly number[] = [7, DEVICE_CAPABILITY, 2, 0x02, 0, 0, 0];

/**
 * SuperSpeed USB (USB 3.2 §9.6.2.2): full, high and SuperSpeed, all of its functions from full speed on, leaves U1 in
 * 10 us and U2 in 32 us.
 */
export const SUPER_SPEED: readonly number[] = [10, DEVICE_CAPABILITY, 3, 0, 0x0e, 0, 1, 0x0a, 0x20, 0];

export function objectStore(capabilities: readonly (readonly number[])[]): Uint8Array {
  const length = 5 + capabilities.flat().length;
  return Uint8Array.of(5, DescriptorType.BinaryObjectStore, length, 0, capabilities.length, ...capabilities.flat());
}
