import { describe, expect, it } from 'vitest';
import { TraceBus } from '../../base/trace.ts';
import { attachQemuLog } from '../../debug/qemu-log.ts';
import { Machine } from '../machine.ts';
import { createQ35 } from './q35.ts';
import type { DeviceOption } from './q35-options.ts';

const MIB = 1024 * 1024;

function boardWith(devices: readonly DeviceOption[]) {
  const trace = new TraceBus();
  let log = '';
  attachQemuLog({
    trace,
    items: new Set(),
    patterns: ['usb_xhci_*'],
    write: (text) => {
      log += text;
    },
  });
  const machine = createQ35({
    ramBytes: 2 * MIB,
    cpuModel: 'qemu64',
    personality: 'qemu',
    devices,
    trackWriters: false,
    trace,
    serialOutput: () => undefined,
  });
  return { machine, log: log.trimEnd().split('\n') };
}

describe('USB at power-on', () => {
  it("says what QEMU 7.2 says: a keyboard on port 5, the controller's reset, then its ports in their new state", () => {
    const { machine, log } = boardWith([{ kind: 'qemu-xhci' }, { kind: 'usb-kbd' }]);
    expect(machine).toBeInstanceOf(Machine);
    expect(log.slice(0, 4)).toEqual([
      'usb_xhci_port_link port 5, pls 7',
      'usb_xhci_port_notify port 5, bits 0x20000',
      'usb_xhci_reset === RESET ===',
      'usb_xhci_slot_disable slotid 1',
    ]);
    expect(log.slice(67).find((line) => line.includes('port 5'))).toBe('usb_xhci_port_link port 5, pls 7');
  });

  it('refuses a keyboard for which there is no free port', () => {
    const keyboards = Array.from({ length: 5 }, () => ({ kind: 'usb-kbd' as const }));
    expect(boardWith([{ kind: 'qemu-xhci' }, ...keyboards]).machine).toMatchObject({
      problem: 'no free port for usb-kbd',
    });
    expect(
      boardWith([{ kind: 'qemu-xhci' }, ...[1, 2].map(() => ({ kind: 'usb-kbd' as const, port: 3 }))]).machine,
    ).toMatchObject({ problem: 'no free port for usb-kbd at port=3' });
    expect(boardWith([{ kind: 'qemu-xhci' }, { kind: 'usb-kbd', port: 30 }]).machine).toMatchObject({
      problem: 'no free port for usb-kbd at port=30',
    });
  });
});
