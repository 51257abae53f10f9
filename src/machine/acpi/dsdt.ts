/**
 * The DSDT of the q35 board: the PCI host bridge with its windows and interrupt links, the ISA devices, the processors
 * and the sleep states (ACPI 6.4, chapter 6; PCI Firmware Specification 3.3, chapter 4).
 *
 * Not there: hot-plug of processors, memory and PCI functions.
 */
import { HPET_BASE } from '../boards/q35-memory-map.ts';
import {
  type Aml,
  and,
  argument,
  call,
  device,
  dwordField,
  eisaId,
  either,
  equal,
  FIELD_ACCESS,
  field,
  giveBack,
  greater,
  integer,
  local,
  method,
  name,
  nameString,
  not,
  operationRegion,
  or,
  otherwise,
  packageOf,
  REGION_SPACE,
  scope,
  serializedMethod,
  shiftRight,
  store,
  string,
  uuid,
  when,
} from './aml.ts';
import {
  busWindow,
  fixedMemory,
  interrupt,
  io,
  ioWindow,
  irq,
  memoryWindow,
  memoryWindow64,
  resources,
} from './aml-resources.ts';
import type { BoardFacts, MemoryWindow } from './board-facts.ts';

const FOUR_GIB = 2 ** 32;
const PCI_DEVICES = 32;
const PIRQ_LETTERS = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'];
/** IRQs of the 8259s that a PIRQ may be led to. */
const LINK_CHOICES = [5, 10, 11];
const HOST_BRIDGE_UUID = '33db4d5b-1ff7-401c-9657-7441c03dd766';
/** What the operating system may take over: SHPC hot-plug, PME, AER, the PCI Express capability. */
const OSC_CONTROLS = 0x1e;
const OSC_UNKNOWN_UUID = 0x04;
const OSC_UNKNOWN_REVISION = 0x08;
const OSC_MASKED = 0x10;
/** Present, shown to nobody, working. */
const STATUS_HIDDEN = 0x0b;
const STATUS_PRESENT = 0x0f;
/** A tick of the HPET takes at most 100 ns (IA-PC HPET 1.0a, 2.3.4). */
const HPET_PERIOD_MAX = 0x05f5_e100;

export function dsdt(facts: BoardFacts): Aml {
  return [
    name('PICF', integer(0)),
    method('_PIC', 1, store(argument(0), nameString('PICF'))),
    scope(
      '\\_SB',
      device('PCI0', ...hostBridge(facts), lpcBridge(), ...hostResources(facts)),
      ...links(facts),
      ...(facts.hpet ? [hpet()] : []),
      ...facts.apicIds.map((_, index) => processor(index)),
    ),
    ...sleepStates(facts),
  ].flat();
}

function hostBridge(facts: BoardFacts): Aml[] {
  const route = (kind: 'LNK' | 'GSI'): Aml =>
    packageOf(
      Array.from({ length: PCI_DEVICES * 4 }, (_, index) => {
        const [number, pin] = [index >>> 2, index & 3];
        const link = `${kind}${PIRQ_LETTERS[facts.pirqOf(number, pin)]}`;
        return packageOf([integer(number * 0x1_0000 + 0xffff), integer(pin), nameString(link), integer(0)]);
      }),
    );
  return [
    name('_HID', eisaId('PNP0A08')),
    name('_CID', eisaId('PNP0A03')),
    name('_UID', integer(0)),
    name(
      '_CRS',
      resources(
        busWindow(0, 0x100),
        io(0xcf8, 8),
        ioWindow(0, 0xcf8),
        ioWindow(0xd00, 0xf300),
        memoryWindow(0xa_0000, 0x2_0000, true),
        ...facts.windows.map(windowDescriptor),
      ),
    ),
    capabilities(),
    name('PRTP', route('LNK')),
    name('PRTA', route('GSI')),
    // PICF: 0 while the 8259s are used, 1 with the I/O APIC.
    method(
      '_PRT',
      0,
      when(equal(nameString('PICF'), integer(0)), giveBack(nameString('PRTP'))),
      giveBack(nameString('PRTA')),
    ),
  ];
}

function windowDescriptor({ start, size, cacheable }: MemoryWindow): Aml {
  return start >= FOUR_GIB ? memoryWindow64(start, size) : memoryWindow(start, size, cacheable);
}

/** _OSC: the operating system asks for control of PCI Express features; it gets those of OSC_CONTROLS. */
function capabilities(): Aml {
  const [status, control] = [nameString('CDW1'), nameString('CDW3')];
  return serializedMethod(
    '_OSC',
    4,
    dwordField(argument(3), 0, 'CDW1'),
    when(
      equal(argument(0), uuid(HOST_BRIDGE_UUID)),
      dwordField(argument(3), 8, 'CDW3'),
      and(control, integer(OSC_CONTROLS), local(0)),
      when(not(equal(argument(1), integer(1))), or(status, integer(OSC_UNKNOWN_REVISION), status)),
      when(not(equal(control, local(0))), or(status, integer(OSC_MASKED), status)),
      store(local(0), control),
    ),
    otherwise(or(status, integer(OSC_UNKNOWN_UUID), status)),
    giveBack(argument(3)),
  );
}

/** Ranges that are taken, so that the operating system puts nothing there. */
function hostResources(facts: BoardFacts): Aml[] {
  const { ecam, powerManagementBase } = facts;
  const fwCfg = device(
    'FWCF',
    name('_HID', string('QEMU0002')),
    name('_STA', integer(STATUS_HIDDEN)),
    name('_CRS', resources(io(0x510, 0x0c))),
  );
  const reserved: Aml[] = [];
  if (ecam !== undefined) {
    reserved.push(
      device('DRAC', name('_HID', eisaId('PNP0C01')), name('_CRS', resources(fixedMemory(ecam.base, ecam.size, true)))),
    );
  }
  if (powerManagementBase !== undefined) {
    reserved.push(
      device(
        'GPE0',
        name('_HID', eisaId('PNP0A06')),
        name('_UID', string('GPE0 resources')),
        name('_STA', integer(STATUS_HIDDEN)),
        name('_CRS', resources(io(powerManagementBase + 0x20, 0x10))),
      ),
    );
  }
  return [...reserved, fwCfg];
}

/** 00:1f.0, with its PIRQ route registers and what stands behind it. */
function lpcBridge(): Aml {
  const route = (letter: string): [string, number] => [`PRQ${letter}`, 8];
  const [low, high] = [PIRQ_LETTERS.slice(0, 4), PIRQ_LETTERS.slice(4)];
  const isa = (segment: string, id: string, ...descriptors: Aml[]): Aml =>
    device(
      segment,
      name('_HID', eisaId(id)),
      name('_STA', integer(STATUS_PRESENT)),
      name('_CRS', resources(...descriptors)),
    );
  return device(
    'SF8',
    name('_ADR', integer(0x1f_0000)),
    operationRegion('PIRQ', REGION_SPACE.pciConfig, 0x60, 0x0c),
    scope('\\_SB', field('PCI0.SF8.PIRQ', FIELD_ACCESS.byte, [...low.map(route), 32, ...high.map(route)])),
    isa('KBD', 'PNP0303', io(0x60, 1), io(0x64, 1), irq(1)),
    isa('MOU', 'PNP0F13', irq(12)),
    isa('RTC', 'PNP0B00', io(0x70, 8), irq(8)),
    device(
      'COM1',
      name('_HID', eisaId('PNP0501')),
      name('_UID', integer(1)),
      name('_STA', integer(STATUS_PRESENT)),
      name('_CRS', resources(io(0x3f8, 8), irq(4))),
    ),
  );
}

/** LNKA-LNKH lead PIRQs to the 8259s as the route registers say; GSIA-GSIH are the I/O APIC's fixed inputs. */
function links(facts: BoardFacts): Aml[] {
  const status = method(
    'IQST',
    1,
    when(and(integer(0x80), argument(0)), giveBack(integer(0x09))),
    giveBack(integer(0x0b)),
  );
  // The number stands behind the descriptor's five first bytes.
  const current = serializedMethod(
    'IQCR',
    1,
    name('PRR0', resources(interrupt(0))),
    dwordField(nameString('PRR0'), 5, 'PRRI'),
    and(argument(0), integer(0x0f), nameString('PRRI')),
    giveBack(nameString('PRR0')),
  );
  const link = (letter: string, index: number): Aml => {
    const register = nameString(`PRQ${letter}`);
    return device(
      `LNK${letter}`,
      name('_HID', eisaId('PNP0C0F')),
      name('_UID', integer(index)),
      name('_PRS', resources(interrupt(...LINK_CHOICES))),
      method('_STA', 0, giveBack(call('IQST', register))),
      method('_DIS', 0, or(register, integer(0x80), register)),
      method('_CRS', 0, giveBack(call('IQCR', register))),
      method('_SRS', 1, dwordField(argument(0), 5, 'PRRI'), store(nameString('PRRI'), register)),
    );
  };
  const fixed = (letter: string, index: number): Aml => {
    const input = facts.pirqFirstInput + index;
    return device(
      `GSI${letter}`,
      name('_HID', eisaId('PNP0C0F')),
      name('_UID', integer(input)),
      name('_PRS', resources(interrupt(input))),
      name('_CRS', resources(interrupt(input))),
      method('_DIS', 0),
      method('_SRS', 1),
    );
  };
  return [status, current, ...PIRQ_LETTERS.map(link), ...PIRQ_LETTERS.map(fixed)];
}

/** There if its registers answer. */
function hpet(): Aml {
  const [vendor, period] = [local(0), local(1)];
  return device(
    'HPET',
    name('_HID', eisaId('PNP0103')),
    name('_UID', integer(0)),
    operationRegion('HPTM', REGION_SPACE.memory, HPET_BASE, 0x400),
    field('HPTM', FIELD_ACCESS.dword, [
      ['VEND', 32],
      ['PRD', 32],
    ]),
    method(
      '_STA',
      0,
      shiftRight(nameString('VEND'), integer(16), vendor),
      store(nameString('PRD'), period),
      when(either(equal(vendor, integer(0)), equal(vendor, integer(0xffff))), giveBack(integer(0))),
      when(either(equal(period, integer(0)), greater(period, integer(HPET_PERIOD_MAX))), giveBack(integer(0))),
      giveBack(integer(STATUS_PRESENT)),
    ),
    name('_CRS', resources(fixedMemory(HPET_BASE, 0x400, false))),
  );
}

/** The MADT's processor of the same number. */
function processor(index: number): Aml {
  const segment = `C${index.toString(16).toUpperCase().padStart(3, '0')}`;
  return device(segment, name('_HID', string('ACPI0007')), name('_UID', integer(index)));
}

/** SLP_TYP values of PM1_CNT, for PM1a and PM1b (ICH9 datasheet 13.8.3.3, as QEMU numbers them). */
function sleepStates(facts: BoardFacts): Aml[] {
  const state = (path: string, value: number): Aml =>
    name(path, packageOf([integer(value), integer(value), integer(0), integer(0)]));
  const suspend = facts.suspend ? [state('\\_S3', 1), state('\\_S4', 2)] : [];
  return [...suspend, state('\\_S5', 0)];
}
