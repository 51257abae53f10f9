import { describe, expect, it } from 'vitest';
import { UsbKeyboard } from '../usb/devices/keyboard.ts';
import { PERSONALITIES, QEMU, SPEC } from './personality.ts';
import { busOf, Driver, LAYOUT } from './testing/driver.ts';
import { type BenchOptions, TestBench } from './testing/test-bench.ts';

const USBCMD = 0x40;
const USBSTS = 0x44;
const PORTSC5 = 0x440 + 0x10 * 4;

function benchWithKeyboard(options: BenchOptions = {}) {
  const bench = new TestBench(options);
  const keyboard = new UsbKeyboard();
  bench.controller.attach(keyboard);
  bench.controller.reset();
  const driver = new Driver(busOf(bench), LAYOUT, options.personality?.contextSize ?? 32);
  driver.reset();
  return { bench, driver, keyboard };
}

describe.each([SPEC, QEMU])('a controller with the personality $name', (personality) => {
  it('is halted after reset and runs when told to (§5.4.1)', () => {
    const { bench, driver } = benchWithKeyboard({ personality });
    expect(bench.read(USBSTS) & 1).toBe(1);
    driver.start();
    expect(bench.read(USBSTS) & 0x1005).toBe(0);
    bench.write(USBCMD, 0);
    expect(bench.read(USBSTS) & 1).toBe(1);
  });

  it('completes No Op commands in order, across a Link TRB (§4.6.2, §4.9.2.1)', () => {
    const { driver } = benchWithKeyboard({ personality });
    driver.start();
    driver.events();
    for (let lap = 0; lap < 3; lap += 1) {
      for (let index = 0; index < 5; index += 1) {
        const event = driver.command(23);
        expect(event.code).toBe(1);
        expect(event.pointer).toBe(LAYOUT.commandRing + 16 * index);
      }
      driver.commands.wrap();
    }
  });

  it('ignores a command whose cycle bit software has not set (§4.9.2)', () => {
    const { driver } = benchWithKeyboard({ personality });
    driver.start();
    driver.events();
    driver.commands.cycle = 0;
    driver.commands.push(0, 0, 0, 23 << 10);
    driver.ring(0);
    expect(driver.events()).toEqual([]);
  });

  it('shows the keyboard on port 5 and enables the port by a reset (§4.19.1.1)', () => {
    const { bench, driver } = benchWithKeyboard({ personality });
    expect(bench.read(PORTSC5) & 0x0002_0201).toBe(0x0002_0201);
    driver.start();
    driver.events();
    const portsc = driver.resetPort(5);
    // Enabled, U0, powered, high speed (3), connected, no change bit left.
    expect(portsc & 0x00ff_3fff).toBe(0x0000_0e03);
    const changes = driver.events().filter(({ type }) => type === 34);
    expect(changes.length).toBeGreaterThan(0);
    expect(changes[0]!.pointer >>> 24).toBe(5);
  });

  it('addresses the keyboard and reads its device descriptor (§4.3.3, §4.11.2.2)', () => {
    const { driver } = benchWithKeyboard({ personality });
    driver.start();
    driver.resetPort(5);
    driver.events();
    const slotId = driver.address(5);
    expect(slotId).toBe(1);
    // Slot State Addressed (2) and the USB address; EP0 Running (1).
    expect(driver.bus.word(LAYOUT.deviceContext + 12) >>> 27).toBe(2);
    expect(driver.bus.word(LAYOUT.deviceContext + 32) & 7).toBe(1);
    const events = driver.controlTransfer(slotId, [0x80, 6, 0x0100, 0, 18]);
    expect(events.map(({ code }) => code)).toEqual([1]);
    const descriptor = driver.bytes(LAYOUT.buffer, 18);
    expect(descriptor.slice(0, 2)).toEqual([18, 1]);
    expect(descriptor.slice(8, 12)).toEqual([0x27, 0x06, 0x01, 0x00]);
  });

  it('reports a short packet with the bytes left over (§4.10.1.1)', () => {
    const { driver } = benchWithKeyboard({ personality });
    driver.start();
    driver.resetPort(5);
    driver.events();
    const slotId = driver.address(5);
    const events = driver.controlTransfer(slotId, [0x80, 6, 0x0100, 0, 64]);
    // The Data Stage asked for ISP, the Status Stage for IOC.
    expect(events.map(({ code, length }) => [code, length])).toEqual([
      [13, 64 - 18],
      [1, 0],
    ]);
  });

  it('stalls a request the device does not know, halts endpoint 0 and recovers (§4.6.8, §4.8.3)', () => {
    const { driver } = benchWithKeyboard({ personality });
    driver.start();
    driver.resetPort(5);
    driver.events();
    const slotId = driver.address(5);
    const events = driver.controlTransfer(slotId, [0x80, 6, 0x0a00, 0, 5]);
    expect(events.map(({ code }) => code)).toEqual([6]);
    expect(driver.bus.word(LAYOUT.deviceContext + 32) & 7).toBe(2);
    expect(driver.controlTransfer(slotId, [0x80, 6, 0x0100, 0, 18])).toEqual([]);
    expect(driver.command(14, slotId, 0, 0, 1 << 16).code).toBe(1);
    expect(driver.command(16, slotId, driver.control.next | 1, 0, 1 << 16).code).toBe(1);
    expect(driver.controlTransfer(slotId, [0x80, 6, 0x0100, 0, 18]).map(({ code }) => code)).toEqual([1]);
  });

  it('delivers key presses through an interrupt endpoint (§4.6.6, §4.14.2)', () => {
    const { bench, driver, keyboard } = benchWithKeyboard({ personality });
    driver.start();
    driver.resetPort(5);
    driver.events();
    const slotId = driver.address(5);
    driver.controlTransfer(slotId, [0x00, 9, 1, 0, 0]);
    const input = LAYOUT.inputContext;
    driver.bus.setWord(input + 4, 1 | (1 << 3));
    driver.bus.setWord(input + 32, (3 << 27) | (3 << 20));
    const endpoint = input + 32 * 4;
    // Interval 6 (8 ms), Interrupt IN (7), 8 bytes.
    driver.bus.setWord(endpoint, 6 << 16);
    driver.bus.setWord(endpoint + 4, (8 << 16) | (7 << 3) | (3 << 1));
    driver.bus.setWord(endpoint + 8, LAYOUT.interruptRing | 1);
    expect(driver.command(12, slotId, input).code).toBe(1);
    const buffer = LAYOUT.buffer + 0x100;
    driver.interrupt.push(buffer, 0, 8, (1 << 10) | 0x20);
    driver.ring(slotId, 3);
    bench.advance(20_000_000);
    expect(driver.events()).toEqual([]);
    keyboard.key(0x04, true);
    bench.advance(20_000_000);
    const [event] = driver.events();
    expect([event?.type, event?.code, event?.length]).toEqual([32, 1, 0]);
    expect(driver.bytes(buffer, 8)).toEqual([0, 0, 4, 0, 0, 0, 0, 0]);
  });

  it('gives each slot once and runs out of them (§4.6.3)', () => {
    const { driver } = benchWithKeyboard({ personality });
    driver.start(3);
    driver.events();
    const codes = [1, 2, 3, 4].map(() => driver.command(9)).map(({ code, slotId }) => [code, slotId]);
    expect(codes.slice(0, 3)).toEqual([
      [1, 1],
      [1, 2],
      [1, 3],
    ]);
    // QEMU does not look at MaxSlotsEn.
    expect(codes[3]?.[0]).toBe(personality === SPEC ? 9 : 1);
    expect(driver.command(10, 2).code).toBe(1);
    expect(driver.command(10, 2).code).toBe(11);
    expect(driver.command(9).slotId).toBe(2);
  });

  it('answers a command it does not know with TRB Error', () => {
    const { driver } = benchWithKeyboard({ personality });
    driver.start();
    driver.events();
    expect(driver.command(19).code).toBe(5);
    expect(driver.command(60).code).toBe(5);
  });

  it('saves and loads its whole state', () => {
    const { bench, driver } = benchWithKeyboard({ personality });
    driver.start();
    driver.resetPort(5);
    driver.events();
    const slotId = driver.address(5);
    const saved = bench.controller.save();
    const other = new TestBench({ personality });
    other.controller.attach(new UsbKeyboard());
    other.ram.bytes.set(bench.ram.bytes);
    other.clock.advanceTo(bench.clock.now());
    other.controller.load(saved);
    expect(other.controller.save()).toEqual(saved);
    driver.controlTransfer(slotId, [0x80, 6, 0x0100, 0, 18]);
    // The same driver's next steps have the same effect on the copy.
    for (let at = LAYOUT.transferRing; at < LAYOUT.transferRing + 64; at += 4)
      other.ram.setWord(at, bench.ram.word(at));
    other.write(0x2004, 1);
    expect(other.ram.word(LAYOUT.buffer)).toBe(bench.ram.word(LAYOUT.buffer));
  });
});

describe('memory that does not answer', () => {
  it('is a Host System Error that halts the controller, by the specification (§4.10.2.6)', () => {
    const { bench, driver } = benchWithKeyboard();
    driver.start();
    driver.events();
    bench.write(USBCMD, 0);
    bench.write64(0x1030, 0x002e_3080, 0xffff_ff80);
    bench.write(USBCMD, 5);
    expect(bench.read(USBSTS) & 0x1005).toBe(0x0005);
    expect(bench.read(USBCMD) & 1).toBe(0);
  });

  it('is a cosmetic HCE in QEMU, raised by the high half of ERSTBA', () => {
    const { bench } = benchWithKeyboard({ personality: QEMU });
    const lines: string[] = [];
    bench.trace.on('memory.invalid-access', ({ address, size }) => lines.push(`${address.toString(16)} ${size}`));
    bench.trace.on('xhci.guest-error', ({ function: name, message }) => lines.push(`${name}: ${message}`));
    bench.write(0x1028, 1);
    bench.write(0x1030, 0x002e_3080);
    expect(bench.read(USBSTS)).toBe(0x0000_0001);
    bench.write(0x1034, 0xffff_ff80);
    expect(bench.read(USBSTS)).toBe(0x0000_1001);
    expect(lines).toEqual([
      'ffffff80002e3080 4',
      'ffffff80002e3084 4',
      'ffffff80002e3088 4',
      'ffffff80002e308c 4',
      'xhci_er_reset: DMA memory access failed!',
    ]);
    bench.write(USBCMD, 1);
    expect(bench.read(USBSTS)).toBe(0x0000_1000);
  });

  it('is found by the audit before it is used, without a side effect', () => {
    const { bench, driver } = benchWithKeyboard();
    const audits: string[] = [];
    bench.trace.on('xhci.pointers-audited', ({ pointers }) => {
      audits.push(...pointers.map(({ holder, value }) => `${holder} ${value.toString(16)}`));
    });
    bench.ram.setWord(LAYOUT.commandRing + 16 * 3, 0x002e_4000);
    bench.ram.setWord(LAYOUT.commandRing + 16 * 3 + 4, 0xffff_ff80);
    bench.ram.setWord(LAYOUT.commandRing + 16 * 3 + 12, (6 << 10) | 2);
    driver.start();
    expect(audits).toContain(`ERSTBA ${LAYOUT.erst.toString(16)}`);
    expect(audits).toContain(`ERST[0].base ${LAYOUT.eventRing.toString(16)}`);
    expect(audits).toContain(`ERDP ${LAYOUT.eventRing.toString(16)}`);
    expect(audits).toContain('Link TRB of the command ring ffffff80002e4000');
    expect(audits).toContain(`DCBAAP ${LAYOUT.dcbaa.toString(16)}`);
    expect(bench.ram.lastFailure).toBeUndefined();
  });
});

describe('registers', () => {
  it('states a pointer once it is whole, with the bits that the register dropped (§5.1)', () => {
    const { bench } = benchWithKeyboard();
    const set: unknown[] = [];
    bench.trace.on('xhci.pointer-set', ({ holder, value, written }) => set.push([holder, value, written]));
    bench.write(0x70, 0x0001_0010);
    expect(set).toEqual([]);
    bench.write(0x74, 0);
    expect(set).toEqual([['DCBAAP', 0x1_0000, 0x1_0010]]);
  });

  it('takes no writes between HCRST and CNR = 0 (§4.2)', () => {
    const { bench } = benchWithKeyboard();
    const misused: string[] = [];
    bench.trace.on('xhci.register-misused', ({ register, problem }) => misused.push(`${register} ${problem}`));
    bench.write(USBCMD, 2);
    expect(bench.read(USBCMD) & 2).toBe(2);
    bench.write(0x78, 8);
    bench.advance(150_000);
    expect(bench.read(USBCMD) & 2).toBe(0);
    expect(bench.read(USBSTS) & 0x800).toBe(0x800);
    bench.advance(150_000);
    expect(bench.read(USBSTS) & 0x800).toBe(0);
    expect(bench.read(0x78)).toBe(0);
    expect(misused).toEqual(['CONFIG while-not-ready']);
  });

  it('names registers that a reset cleared and software did not write again (INIT-04)', () => {
    const { bench, driver } = benchWithKeyboard();
    const lost: (readonly string[])[] = [];
    bench.trace.on('xhci.started', ({ lostByReset }) => lost.push(lostByReset));
    driver.start();
    bench.write(USBCMD, 0);
    driver.reset();
    bench.write64(0x70, LAYOUT.dcbaa);
    bench.write(USBCMD, 1);
    expect(lost).toEqual([[], ['CRCR', 'CONFIG', 'ERSTSZ[0]', 'ERSTBA[0]', 'ERDP[0]']]);
  });

  it('reads CAPLENGTH as a byte and HCIVERSION as a word (§5.3.1, §5.3.2)', () => {
    const { bench } = benchWithKeyboard();
    expect(bench.read(0, 1)).toBe(0x40);
    expect(bench.read(2, 2)).toBe(0x0120);
  });

  it('clears change bits by 1, disables the port by writing 1 to PED, and keeps PP (§5.4.8)', () => {
    const { bench, driver } = benchWithKeyboard();
    driver.start();
    driver.resetPort(5);
    expect(bench.read(PORTSC5) & 2).toBe(2);
    bench.write(PORTSC5, 0x202);
    expect(bench.read(PORTSC5) & 0x203).toBe(0x201);
  });
});

describe('personalities', () => {
  it('lays contexts out at 64 bytes where CSZ says so (§5.3.6)', () => {
    const { bench, driver } = benchWithKeyboard({ personality: PERSONALITIES['wide-contexts']! });
    expect(bench.read(0x10) & 4).toBe(4);
    driver.start();
    driver.resetPort(5);
    driver.events();
    expect(driver.address(5)).toBe(1);
  });

  it('refuses contexts laid out for the other size with Parameter Error (CTX-01)', () => {
    const { bench } = benchWithKeyboard({ personality: PERSONALITIES['wide-contexts']! });
    const driver = new Driver(busOf(bench), LAYOUT, 32);
    driver.start();
    driver.resetPort(5);
    driver.events();
    const { slotId } = driver.command(9);
    driver.prepareAddress(slotId, 5);
    expect(driver.command(11, slotId, LAYOUT.inputContext).code).toBe(17);
  });

  it('drops the high half of pointers where AC64 = 0 (§5.3.6)', () => {
    const { bench, driver } = benchWithKeyboard({ personality: PERSONALITIES['low-memory']! });
    expect(bench.read(0x10) & 1).toBe(0);
    driver.start();
    bench.write(USBCMD, 0);
    bench.write64(0x70, LAYOUT.dcbaa, 1);
    bench.write(USBCMD, 1);
    expect(driver.command(9).code).toBe(1);
  });

  it('uses the scratchpad pages it asked for, and halts over a page that does not answer (§4.20, INIT-12)', () => {
    const { bench, driver } = benchWithKeyboard({ personality: PERSONALITIES.scratchpads! });
    // Max Scratchpad Buffers is 31, split into bits 31:27 and 25:21.
    expect(bench.read(0x08) >>> 27).toBe(31);
    bench.ram.setWord(LAYOUT.dcbaa, 0x2_0000);
    for (let index = 0; index < 31; index += 1) bench.ram.setWord(0x2_0000 + 8 * index, 0x3_0000 + 0x1000 * index);
    bench.ram.setWord(0x3_0000, 0xdead_beef);
    driver.start();
    expect(bench.read(USBSTS) & 5).toBe(0);
    expect(bench.ram.word(0x3_0000)).toBe(0);
    bench.write(USBCMD, 0);
    bench.ram.setWord(0x2_0000 + 8 * 30 + 4, 0xffff_ff80);
    bench.write(USBCMD, 5);
    expect(bench.read(USBSTS) & 5).toBe(5);
  });
});
