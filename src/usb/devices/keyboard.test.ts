import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../base/clock.ts';
import { UsbKeyboard } from './keyboard.ts';

function request(keyboard: UsbKeyboard, type: number, code: number, wValue = 0, wIndex = 0, wLength = 0) {
  const data = new Uint8Array(wLength);
  const setup = { bmRequestType: type, bRequest: code, wValue, wIndex, wLength };
  const { status, length } = keyboard.control(setup, data);
  return { status, bytes: [...data.subarray(0, length)] };
}

describe('a keyboard', () => {
  it('describes itself by the length that it states (USB 2.0 §9.6)', () => {
    const keyboard = new UsbKeyboard();
    const { bytes } = request(keyboard, 0x80, 6, 0x0200, 0, 255);
    expect(bytes.length).toBe(34);
    expect(bytes[2]! | (bytes[3]! << 8)).toBe(34);
    // Interface: HID, boot, keyboard; endpoint 81h, interrupt, 8 bytes, 2^(7-1) microframes.
    expect(bytes.slice(14, 17)).toEqual([3, 1, 1]);
    expect(bytes.slice(27)).toEqual([7, 5, 0x81, 3, 8, 0, 7]);
    expect(bytes[25]! | (bytes[26]! << 8)).toBe(request(keyboard, 0x81, 6, 0x2200, 0, 255).bytes.length);
  });

  it('says nothing before it is configured, and NAK until a key moves (HID 1.11 §7.2)', () => {
    const keyboard = new UsbKeyboard();
    const report = new Uint8Array(8);
    expect(keyboard.transfer(0x81, report).status).toBe(-3);
    expect(request(keyboard, 0, 9, 1).status).toBe(0);
    expect(keyboard.transfer(0x81, report).status).toBe(-2);
    keyboard.key(0xe1, true);
    keyboard.key(0x04, true);
    expect(keyboard.transfer(0x81, report)).toEqual({ status: 0, length: 8 });
    expect([...report]).toEqual([2, 0, 0, 0, 0, 0, 0, 0]);
    keyboard.transfer(0x81, report);
    expect([...report]).toEqual([2, 0, 4, 0, 0, 0, 0, 0]);
  });

  it('forgets its address and configuration at a bus reset (USB 2.0 §9.1.1)', () => {
    const keyboard = new UsbKeyboard();
    request(keyboard, 0, 5, 9);
    request(keyboard, 0, 9, 1);
    expect([keyboard.address, request(keyboard, 0x80, 8, 0, 0, 1).bytes]).toEqual([9, [1]]);
    keyboard.reset();
    expect([keyboard.address, request(keyboard, 0x80, 8, 0, 0, 1).bytes]).toEqual([0, [0]]);
  });

  it('stalls a configuration that it does not have, and unknown requests', () => {
    const keyboard = new UsbKeyboard();
    expect(request(keyboard, 0, 9, 2).status).toBe(-3);
    expect(request(keyboard, 0xc0, 0x77, 0, 0, 4).status).toBe(-3);
  });

  it('repeats its report at the idle rate that the host set, and only then (HID 1.11 §7.2.4)', () => {
    const clock = new VirtualClock();
    const keyboard = new UsbKeyboard({ clock });
    const ready: number[] = [];
    keyboard.onReady = () => ready.push(clock.now());
    request(keyboard, 0, 9, 1);
    keyboard.pressKey('b', true);
    const report = new Uint8Array(8);
    keyboard.transfer(0x81, report);
    clock.advanceTo(100_000_000);
    expect(keyboard.transfer(0x81, report).status).toBe(-2);
    // 8 times 4 ms.
    request(keyboard, 0x21, 10, 0x0800);
    expect(request(keyboard, 0xa1, 2, 0, 0, 1).bytes).toEqual([8]);
    clock.advanceTo(131_000_000);
    expect(keyboard.transfer(0x81, report).status).toBe(-2);
    clock.advanceTo(132_000_000);
    expect(ready).toEqual([0, 132_000_000]);
    expect(keyboard.transfer(0x81, report)).toEqual({ status: 0, length: 8 });
    expect([...report]).toEqual([0, 0, 5, 0, 0, 0, 0, 0]);
    expect(keyboard.transfer(0x81, report).status).toBe(-2);
  });

  it('saves and loads what it holds', () => {
    const keyboard = new UsbKeyboard();
    request(keyboard, 0, 9, 1);
    keyboard.key(0x05, true);
    const other = new UsbKeyboard();
    other.load(keyboard.save());
    expect(other.save()).toEqual(keyboard.save());
  });
});
