/** `info block` and `info usb` (QEMU 7.2, bdrv_print_info and hmp_info_usb). */
import type { AttachedBlock, Inventory } from '../../machine/inventory.ts';
import type { UsbSpeed } from '../../usb/bus.ts';

const MEGABITS: Readonly<Record<UsbSpeed, string>> = { low: '1.5', full: '12', high: '480', super: '5000' };

export function blockText({ blocks }: Inventory): string {
  return blocks.length === 0 ? '' : `${blocks.map(oneBlock).join('\n')}`;
}

function oneBlock({ id, medium, place, removable }: AttachedBlock): string {
  const lines = [`${id}: ${medium === undefined ? '[not inserted]' : `${medium.name}${manner(medium)}`}`];
  lines.push(`    Attached to:      ${place}`);
  if (removable) lines.push('    Removable device: not locked, tray closed');
  if (medium !== undefined) lines.push('    Cache mode:       writeback');
  return `${lines.join('\n')}\n`;
}

/** An image with state of its own keeps what is written in memory. */
function manner({ readOnly, stateSource }: NonNullable<AttachedBlock['medium']>): string {
  if (stateSource !== undefined) return ' (snapshot: writes stay in memory)';
  return readOnly ? ' (read-only)' : '';
}

export function usbText({ usb }: Inventory): string {
  if (usb.length === 0) return 'USB support not enabled\n';
  return usb
    .map(({ device, bus, port, id }) => {
      const { address, speed, product } = device;
      const name = id === undefined ? '' : `, ID: ${id}`;
      return `  Device ${bus}.${address}, Port ${port}, Speed ${MEGABITS[speed]} Mb/s, Product ${product}${name}\n`;
    })
    .join('');
}
