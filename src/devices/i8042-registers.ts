/** The keyboard controller's registers as data (IBM PS/2 Technical Reference, "Keyboard and Auxiliary Device Controller"). */
import { bit, bits, register32, spec } from '../base/registers.ts';

const DOCUMENT = 'IBM PS/2';

/** Port 0x64 read. */
export const I8042_STATUS = register32({
  name: 'i8042 status',
  spec: spec(DOCUMENT, 'Status Register'),
  reset: 0x18,
  fields: {
    outputFull: bit(0, 'RO', 'Output Buffer Full'),
    inputFull: bit(1, 'RO', 'Input Buffer Full (never: every byte is taken at once)'),
    system: bit(2, 'RO', 'System Flag: the self-test has passed'),
    command: bit(3, 'RO', 'The last byte was written to port 0x64'),
    unlocked: bit(4, 'RO', 'Keyboard not inhibited'),
    auxiliary: bit(5, 'RO', 'The byte in the output buffer is from the auxiliary device'),
    timeout: bit(6, 'RO', 'General Time-out'),
    parity: bit(7, 'RO', 'Parity Error'),
  },
});

/** The command byte, commands 0x20 and 0x60. */
export const I8042_CONFIG = register32({
  name: 'i8042 command byte',
  spec: spec(DOCUMENT, 'Controller Command Byte'),
  reset: 0x03,
  fields: {
    keyboardInterrupt: bit(0, 'RW', 'Enable Keyboard Interrupt (IRQ 1)'),
    auxiliaryInterrupt: bit(1, 'RW', 'Enable Auxiliary Interrupt (IRQ 12)'),
    system: bit(2, 'RW', 'System Flag'),
    ignoreLock: bit(3, 'RW', 'Ignore Keyboard Lock (kept)'),
    keyboardOff: bit(4, 'RW', 'Disable Keyboard Interface'),
    auxiliaryOff: bit(5, 'RW', 'Disable Auxiliary Device Interface'),
    translate: bit(6, 'RW', 'Keyboard Translate: scan code set 2 into set 1'),
    reserved: bit(7, 'RW', 'Reserved (kept)'),
  },
});

/** The output port, commands 0xd0 and 0xd1. */
export const I8042_OUTPUT_PORT = register32({
  name: 'i8042 output port',
  spec: spec(DOCUMENT, 'Output Port'),
  reset: 0xcf,
  fields: {
    resetHigh: bit(0, 'RW', 'Reset Processor (0: reset)'),
    a20: bit(1, 'RW', 'Gate Address 20'),
    auxiliaryLines: bits(3, 2, 'RW', 'Auxiliary Device Data and Clock (kept)'),
    outputFull: bit(4, 'RW', 'IRQ 1: Output Buffer Full by the keyboard'),
    auxiliaryFull: bit(5, 'RW', 'IRQ 12: Output Buffer Full by the auxiliary device'),
    keyboardLines: bits(7, 6, 'RW', 'Keyboard Clock and Data (kept)'),
  },
});
