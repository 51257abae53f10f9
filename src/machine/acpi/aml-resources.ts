/** Resource descriptors: what a device decodes and which interrupt it raises (ACPI 6.4, section 6.4). */
import { type Aml, buffer, little } from './aml.ts';

const END_TAG = [0x79, 0x00];
/** General flags: positive decode, minimum and maximum fixed. */
const FIXED_WINDOW = 0x0c;
const TYPE_MEMORY = 0;
const TYPE_IO = 1;
const TYPE_BUS = 2;
const CACHEABLE_READ_WRITE = 0x03;
const UNCACHED_READ_WRITE = 0x01;
/** Both ISA and non-ISA addresses. */
const ENTIRE_RANGE = 0x03;
/** Consumer, level, active high, shared. */
const LEVEL_SHARED = 0x09;

/** The bytes of `ResourceTemplate () {...}`. */
export function resources(...descriptors: readonly Aml[]): Aml {
  return buffer([...descriptors.flat(), ...END_TAG]);
}

/** I/O ports, decoded with 16 bits (6.4.2.5). */
export function io(first: number, count: number): Aml {
  return [0x47, 0x01, ...little(first, 2), ...little(first, 2), 0x01, count];
}

/** An ISA interrupt: edge, active high (6.4.2.1). */
export function irq(line: number): Aml {
  return [0x22, ...little(1 << line, 2)];
}

/** An I/O APIC input, or a choice of them (6.4.3.6). */
export function interrupt(...inputs: readonly number[]): Aml {
  const content = [LEVEL_SHARED, inputs.length, ...inputs.flatMap((input) => little(input, 4))];
  return [0x89, ...little(content.length, 2), ...content];
}

/** Memory that a device decodes and nothing moves (6.4.3.4). */
export function fixedMemory(base: number, length: number, writable: boolean): Aml {
  return [0x86, 9, 0, writable ? 1 : 0, ...little(base, 4), ...little(length, 4)];
}

/** What a bridge passes on (6.4.3.5): an address space window whose fields have `size` bytes. */
function window(tag: number, size: number, type: number, flags: number, first: number, length: number): Aml {
  const fields = [0, first, first + length - 1, 0, length].flatMap((value) => little(value, size));
  return [tag, ...little(3 + fields.length, 2), type, FIXED_WINDOW, flags, ...fields];
}

export function busWindow(first: number, count: number): Aml {
  return window(0x88, 2, TYPE_BUS, 0, first, count);
}

export function ioWindow(first: number, count: number): Aml {
  return window(0x88, 2, TYPE_IO, ENTIRE_RANGE, first, count);
}

export function memoryWindow(first: number, length: number, cacheable = false): Aml {
  const flags = cacheable ? CACHEABLE_READ_WRITE : UNCACHED_READ_WRITE;
  return window(0x87, 4, TYPE_MEMORY, flags, first, length);
}

export function memoryWindow64(first: number, length: number): Aml {
  return window(0x8a, 8, TYPE_MEMORY, CACHEABLE_READ_WRITE, first, length);
}
