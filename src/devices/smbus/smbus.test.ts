/** The SMBus host as Linux's i2c-i801 drives it, with interrupts and by looking. */
import { beforeEach, expect, it } from 'vitest';
import { SmbusController } from './controller.ts';
import { SmbusEeprom } from './eeprom.ts';

let log: boolean[];
let eeprom: SmbusEeprom;
let host: SmbusController;

function create(content: readonly number[] = [1, 2, 3, 4]): SmbusController {
  eeprom = new SmbusEeprom('eeprom', Uint8Array.from(content));
  const interrupt = (asserted: boolean) => log.push(asserted);
  return new SmbusController({ deviceAt: (address) => (address === 0x50 ? eeprom : undefined), interrupt });
}

beforeEach(() => {
  log = [];
  host = create();
});

const command = (address: number, code: number, control: number): void => {
  host.write(0, 0xfe);
  host.write(4, address);
  host.write(3, code);
  host.write(2, control);
};

it('reads a byte: busy at the first look, then done', () => {
  command(0xa1, 2, 0x48);
  expect([host.read(0), host.read(0), host.read(5)]).toEqual([1, 2, 3]);
});

it('with interrupts it ends at once, and the interrupt falls when the status is cleared', () => {
  command(0xa1, 3, 0x49);
  expect([host.read(0), host.read(5), log.at(-1)]).toEqual([2, 4, true]);
  host.write(0, 2);
  expect(log.at(-1)).toBe(false);
});

it('says that nobody answers', () => {
  command(0x61, 0, 0x49);
  expect(host.read(0)).toBe(4);
});

it('writes a word and reads it back', () => {
  host.write(5, 0x34);
  host.write(6, 0x12);
  command(0xa0, 0x10, 0x4d);
  host.write(5, 0);
  command(0xa1, 0x11, 0x49);
  expect(host.read(5)).toBe(0x12);
});

it('reads a block through the buffer, and I2C bytes as they come', () => {
  host = create([3, 0xaa, 0xbb, 0xcc]);
  host.write(0x0d, 2);
  command(0xa1, 0, 0x55);
  host.read(2);
  expect([host.read(5), host.read(7), host.read(7), host.read(7)]).toEqual([3, 0xaa, 0xbb, 0xcc]);
  host.write(0x0d, 0);
  host.write(6, 1);
  command(0xa0, 0, 0x59);
  const bytes = [host.read(7)];
  host.write(0, 0x80);
  bytes.push(host.read(7));
  host.write(2, 0x39);
  host.write(0, 0x80);
  expect([...bytes, host.read(7), host.read(0)]).toEqual([0xaa, 0xbb, 0xcc, 2]);
});

it('saves and loads a block that is under way', () => {
  host = create([3, 0xaa, 0xbb, 0xcc]);
  command(0xa1, 0, 0x55);
  host.i2c = true;
  const [saved, memory] = [structuredClone(host.save()), structuredClone(eeprom.save())];
  const other = create([]);
  other.load(saved as never);
  eeprom.load(memory as never);
  expect([other.save(), eeprom.save()]).toEqual([saved, memory]);
  other.write(0, 0x80);
  expect(other.read(7)).toBe(0xbb);
});
