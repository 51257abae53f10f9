import { describe, expect, it } from 'vitest';
import { bus } from '../../base/address.ts';
import type { TraceBus } from '../../base/trace.ts';
import { dmascope, FakeHost, type Script } from '../testing/fake-host.ts';
import { readQemuArguments } from './arguments.ts';
import { parseOptionList } from './option-list.ts';
import { QEMU_OPTIONS, UNSUPPORTED_OPTIONS } from './options.ts';

const BASE = ['qemu-system-x86_64', '-M', 'q35', '-kernel', 'kernel.elf'];

function qemu(flags: readonly string[], script: Script = {}, host = new FakeHost()) {
  host.files.set('initrd.img', 'module');
  return dmascope([...BASE, ...flags], [script], host);
}

describe('the ways to write it', () => {
  it.each([
    [['qemu-system-x86_64']],
    [['/usr/bin/qemu-system-x86_64']],
    [['qemu']],
    [['qemu', '--', 'qemu-system-x86_64']],
    [['qemu', 'qemu-system-x86_64']],
  ])('%j', async (start) => {
    const { exitCode, spec } = await dmascope([...start, '-M', 'q35', '-kernel', 'kernel.elf']);
    expect(exitCode).toBe(33);
    expect(spec).toMatchObject({
      personality: 'qemu',
      ramBytes: 128 * 2 ** 20,
      cpuModel: 'qemu64',
      // QEMU's empty CD-ROM drive.
      devices: [{ kind: 'ide-cd', bus: 'ide.2' }],
    });
  });

  it('takes two dashes for one', async () => {
    const { spec } = await qemu(['--m', '256', '--append', 'x']);
    expect(spec).toMatchObject({ ramBytes: 256 * 2 ** 20, append: 'x' });
  });
});

describe('flags that are honoured', () => {
  it.each<[string[], object]>([
    [['-m', '512M'], { ramBytes: 512 * 2 ** 20 }],
    [['-m', '512'], { ramBytes: 512 * 2 ** 20 }],
    [['-m', 'size=1G'], { ramBytes: 2 ** 30 }],
    [['-machine', 'q35,accel=tcg'], {}],
    [['-machine', 'q35,accel=kvm:tcg'], {}],
    [['-m', '2304M'], { ramBytes: 2304 * 2 ** 20, trackWriters: true }],
    [['-m', '3G'], { ramBytes: 3 * 2 ** 30, trackWriters: false }],
    [['-machine', 'type=pc-q35-7.2'], {}],
    [['-M', 'q35,max-ram-below-4g=1G'], { maxRamBelow4g: 2 ** 30 }],
    [['-M', 'q35,max-ram-below-4g=67108864'], { maxRamBelow4g: 64 * 2 ** 20 }],
    [['-accel', 'tcg'], {}],
    [['-smp', '1'], { processors: { cpus: 1, sockets: 1, cores: 1, threads: 1 } }],
    [['-smp', '4'], { processors: { cpus: 4, sockets: 1, cores: 4, threads: 1 } }],
    [['-smp', 'cpus=8,sockets=2,threads=2'], { processors: { cpus: 8, sockets: 2, cores: 2, threads: 2 } }],
    [['-smp', 'cores=2,threads=2'], { processors: { cpus: 4, sockets: 1, cores: 2, threads: 2 } }],
    [['-cpu', 'max'], { cpuModel: 'max' }],
    [['-cpu', 'qemu64-v1'], { cpuModel: 'qemu64-v1' }],
    [['-cpu', 'max,-pcid,+rdrand'], { cpuModel: 'max,-pcid,+rdrand' }],
    [['-append', 'a,b=c d'], { append: 'a,b=c d' }],
    [['-nodefaults', '-no-reboot', '-no-user-config', '-display', 'none', '-vga', 'none'], {}],
    [['-monitor', 'none', '-parallel', 'none', '-net', 'none', '-nic', 'none', '-name', 'guest'], {}],
    [['-M', 'q35,smm=on,vmport=off,hpet=off'], { board: { hpet: false } }],
    [['-no-hpet', '-overcommit', 'mem-lock=off'], { board: { hpet: false } }],
    [['-vga', 'none', '-device', 'VGA'], { board: { display: expect.anything() } }],
    [['-global', 'ICH9-LPC.disable_s3=1', '-global', 'driver=ICH9-LPC,property=disable_s4,value=on'], {}],
    [['-global', 'driver=isa-debugcon,property=iobase,value=0x402'], { board: { debugPort: 0x402 } }],
    [['-dmascope', 'personality=spec'], { personality: 'spec' }],
  ])('%j', async (flags, expected) => {
    const { exitCode, spec, err } = await qemu(flags);
    expect(err).not.toContain('error');
    expect(exitCode).toBe(33);
    expect(spec).toMatchObject(expected);
  });

  it('-initrd', async () => {
    expect((await qemu(['-initrd', 'initrd.img'])).spec?.initrd?.path).toBe('initrd.img');
  });

  it.each<[string[], object[]]>([
    [['-device', 'qemu-xhci'], [{ kind: 'qemu-xhci' }]],
    [['-device', 'qemu-xhci,id=x,addr=3,bus=pcie.0'], [{ kind: 'qemu-xhci', id: 'x', slot: 3 }]],
    [['-device', 'qemu-xhci,addr=0x1e.0,p2=8,p3=2'], [{ kind: 'qemu-xhci', slot: 30, usb2Ports: 8, usb3Ports: 2 }]],
    [['-device', 'driver=nec-usb-xhci,intrs=4,slots=32'], [{ kind: 'nec-usb-xhci', interrupters: 4, slots: 32 }]],
    [['-device', 'isa-debug-exit'], [{ kind: 'isa-debug-exit', port: 0x501, size: 2 }]],
    [
      ['-device', 'pcie-root-port,id=rp1,slot=3', '-device', 'ahci,id=q,bus=rp1,addr=0x0'],
      [
        { kind: 'pcie-root-port', id: 'rp1', slotNumber: 3 },
        { kind: 'ahci', id: 'q', slot: 0, pciBus: 'rp1' },
      ],
    ],
    [['-device', 'virtio-rng,bus=pcie.0'], [expect.not.objectContaining({ pciBus: 'pcie.0' })]],
    [['-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04'], [{ kind: 'isa-debug-exit', port: 0xf4, size: 4 }]],
    [
      ['-device', 'qemu-xhci,id=x', '-device', 'usb-kbd,bus=x.0,port=2,id=k'],
      [
        { kind: 'qemu-xhci', id: 'x' },
        { kind: 'usb-kbd', id: 'k', bus: 'x.0', port: 2 },
      ],
    ],
  ])('%j', async (flags, devices) => {
    expect((await qemu(['-nodefaults', ...flags])).spec?.devices).toEqual(devices);
  });

  it('says which board it is when none is named', async () => {
    const { err } = await dmascope(['qemu-system-x86_64', '-kernel', 'kernel.elf']);
    expect(err).toContain("note: no -M: QEMU would build its default board 'pc'; this is a q35");
    expect((await qemu([])).err).not.toContain('note');
  });
});

describe('flags that are not honoured are named and refused with exit 2', () => {
  it.each<[string[], string]>([
    [['-kernl', 'x'], '-kernl is not supported by dmascope (did you mean "kernel"?)'],
    [['-drve', 'x'], '-drve is not supported by dmascope'],
    [['-enable-kvm'], '-enable-kvm is not supported: dmascope emulates every instruction itself'],
    [['-s'], '-s is not supported: the gdb stub'],
    [['-pidfile', 'p'], '-pidfile is not supported: the shell has it in $!'],
    [['-S'], '-S: nobody could start the guest again'],
    [['-bios', 'x'], 'firmware and -kernel: dmascope enters a kernel directly'],
    [['-M', 'pc'], '-M pc: the machine "pc" is not supported'],
    [['-M', 'q35,accel=kvm'], 'the accelerator "kvm" is not supported'],
    [['-M', 'q35,smm=off'], 'the machine property "smm" is not supported with "off"'],
    [['-M', 'q35,nvdimm=on'], 'the machine property "nvdimm" is not supported'],
    [['-global', 'ICH9-LPC.disable_s3=0'], 'there is no suspend: give 1 or leave it out'],
    [['-global', 'isa-debugcon.iobase=0x10000'], 'this is not supported'],
    [['-accel', 'kvm'], '-accel kvm: dmascope emulates every instruction itself'],
    [['-smp', '65'], '-smp 65: 64 processors are the most'],
    [['-smp', '0'], '-smp 0: the parameters must be greater than zero'],
    [['-smp', '4,core=2'], '-smp 4,core=2: there is no "core" (did you mean "cores"?)'],
    [['-smp', '4,sockets=3'], '-smp 4,sockets=3: sockets (3) * cores (1) * threads (1) is not 4'],
    [['-smp', '2,maxcpus=4'], 'processors cannot be added later'],
    [['-cpu', 'host'], '-cpu host: the CPU model "host" is not supported'],
    [['-cpu', 'qemu64,+la57'], 'the CPU feature "la57" is not implemented'],
    [['-cpu', 'Nehalen'], 'the CPU model "Nehalen" is not supported (did you mean "Nehalem"?)'],
    [['-cpu', 'qemu64,+rdrnd'], 'there is no CPU feature "rdrnd" (did you mean "rdrand"?)'],
    [['-cpu', 'qemu64,nx=maybe'], '"nx=maybe" is no value for that property'],
    [['-M', 'q35,max-ram-below-4g=5G'], '"5G" is more than 4 GiB'],
    [['-M', 'q35,max-ram-below-4g=x'], '"x" is not a size of memory'],
    [['-m', '128X'], '"128X" is not a size of memory'],
    [['-m', '512,slots=2'], '-m 512,slots=2: "slots" is not supported'],
    [['-display', 'gtk'], '-display gtk: nothing shows it'],
    [['-monitor', 'vc'], '-monitor vc: this character device is not supported'],
    [['-serial', 'stdio', '-monitor', 'stdio'], 'cannot use stdio by multiple character devices'],
    [['-dmascope', 'pace=reel'], 'pace=reel is not possible (did you mean "real"?)'],
    [['-serial', 'chardev:x'], '-serial chardev:x: there is no character device "x"'],
    [
      ['-chardev', 'null,id=x', '-serial', 'chardev:x', '-debugcon', 'chardev:x'],
      '-debugcon chardev:x: "x" is in use by -serial chardev:x',
    ],
    [['-chardev', 'null,id=x', '-chardev', 'null,id=x'], 'there is a "x" already'],
    [['-chardev', 'socket,id=x'], 'the character device "socket" is not supported'],
    [['-chardev', 'stdio,id=x,logfile=l'], '"logfile" is not supported with stdio'],
    [['-chardev', 'file,id=x'], '-chardev file,id=x: it has no path'],
    [['-chardev', 'null'], '-chardev null: it has no id'],
    [['-mon', 'x,mode=control'], '-mon x,mode=control: mode=control is not supported'],
    [['-chardev', 'file,id=x,path=f', '-monitor', 'chardev:x'], 'the monitor cannot be on a file'],
    [['-serial', 'pty'], '-serial pty: this character device is not supported'],
    [['-serial', 'stdio', '-serial', 'file:x'], 'a second serial port is not supported yet'],
    [['-serial', 'stdio', '-debugcon', 'stdio'], 'cannot use stdio by multiple character devices'],
    [['-device', 'usb-kdb'], '"usb-kdb" is not supported by dmascope (did you mean "usb-kbd"?)'],
    [
      ['-device', 'virtio-net'],
      'devices that are: qemu-xhci, nec-usb-xhci, pcie-root-port, ioh3420, usb-kbd, usb-storage, ahci',
    ],
    [['-device', 'usb-kbd'], "no 'usb-bus' bus found"],
    [['-device', 'qemu-xhci,id=x', '-device', 'usb-kbd,bus=y.0'], "bus 'y.0' not found"],
    [['-device', 'qemu-xhci,p4=2'], 'the property "qemu-xhci.p4" is not supported (did you mean "p2"?)'],
    [['-device', 'qemu-xhci,intrs=2'], 'the property "qemu-xhci.intrs" is not supported'],
    [['-device', 'qemu-xhci,p2=16'], '"16" is not a value for "qemu-xhci.p2"'],
    [['-device', 'qemu-xhci,addr=1f'], '"1f" is not a value for "qemu-xhci.addr"'],
    [['-device', 'qemu-xhci,msix=off'], '"off" is not a value for "qemu-xhci.msix"'],
    [['-device', 'qemu-xhci,constructor=1'], 'the property "qemu-xhci.constructor" is not supported'],
    [['-d', 'guest_error'], 'there is no log item "guest_error" (did you mean "guest_errors"?)'],
    [['-d', 'int,out_asm'], 'the log item "out_asm" is not supported'],
    [['-trace', 'events=/tmp/e'], '"events=" is not supported'],
    [['-msg', 'guest-name=on'], '-msg guest-name=on: this is not supported'],
    [['-dmascope', 'reprot=x'], 'there is no setting "reprot" (did you mean "report"?)'],
    [['-dmascope', 'personality=x'], 'there is no personality "x"'],
    [['-dmascope', 'max-time=soon'], '"soon" is not a time above 0'],
    [['-m'], '-m: requires an argument'],
    [['-initrd', 'gone'], 'cannot read the initrd gone: no such file or directory'],
  ])('%j', async (flags, message) => {
    const { exitCode, err, services } = await qemu(flags);
    expect(exitCode).toBe(2);
    expect(err).toContain('dmascope: error: ');
    expect(err).toContain(message);
    expect(services.specs).toEqual([]);
  });

  it.each<[string[], string]>([
    [[], 'a disk is started by a BIOS, and there is no bios-256k.bin in /usr/share/seabios'],
    [['-append', 'x'], '-append only allowed with -kernel option'],
    [['-initrd', 'x'], '-initrd only allowed with -kernel option'],
  ])('without a kernel: %j', async (flags, message) => {
    const { exitCode, err } = await dmascope(['qemu-system-x86_64', '-M', 'q35', ...flags]);
    expect(exitCode).toBe(2);
    expect(err).toContain(message);
  });

  it('knows no option twice', () => {
    for (const name of Object.keys(UNSUPPORTED_OPTIONS)) expect(Object.keys(QEMU_OPTIONS)).not.toContain(name);
  });
});

describe('exit status', () => {
  const pc = 1n as never;
  it.each<[string, Script, number]>([
    ['isa-debug-exit', { outcome: { kind: 'exited', by: 'isa-debug-exit', status: 35 } }, 35],
    ['isa-debug-exit with findings', { errors: 3, outcome: { kind: 'exited', by: 'isa-debug-exit', status: 33 } }, 33],
    ['a status of more than 8 bits', { outcome: { kind: 'exited', by: 'isa-debug-exit', status: 0x201 } }, 1],
    ['power-off', { outcome: { kind: 'exited', by: 'power-off', status: 0 } }, 0],
    ['triple fault', { outcome: { kind: 'triple-fault', pc } }, 0],
    ['a hang, which QEMU would sit in for ever', { outcome: { kind: 'spinning', pc }, errors: 1 }, 4],
    ['halted', { outcome: { kind: 'halted', pc } }, 4],
    ['unimplemented', { outcome: { kind: 'unimplemented', pc, bytes: Uint8Array.of(1) } }, 70],
  ])('%s', async (_, script, expected) => {
    expect((await qemu([], script)).exitCode).toBe(expected);
  });

  it('of a limit is 4', async () => {
    expect((await qemu(['-dmascope', 'max-instructions=1M'], { length: 1e9 })).exitCode).toBe(4);
    expect((await qemu(['-dmascope', 'max-time=1ms'], { length: 1e9 })).exitCode).toBe(4);
  });
});

describe("where the guest's bytes go", () => {
  const script = { serial: 'serial\n', debug: 'debug\n' };

  it.each<[string[], string]>([
    [[], 'serial\n'],
    [['-nographic'], 'serial\n'],
    [['-serial', 'stdio'], 'serial\n'],
    [['-serial', 'mon:stdio', '-serial', 'none'], 'serial\n'],
    [['-nodefaults'], ''],
    [['-nodefaults', '-nographic'], 'serial\n'],
    [['-serial', 'none'], ''],
    [['-serial', 'null'], ''],
    [['-serial', 'none', '-debugcon', 'stdio'], 'debug\n'],
    // A name may be used before it is given.
    [['-serial', 'chardev:c', '-chardev', 'stdio,id=c,signal=off'], 'serial\n'],
    [['-chardev', 'null,id=c,mux=on', '-serial', 'chardev:c', '-monitor', 'chardev:c'], ''],
  ])('%j', async (flags, expected) => {
    expect((await qemu(flags, script)).out).toBe(expected);
  });

  it('files', async () => {
    const { host, out } = await qemu(['-serial', 'file:s.log', '-debugcon', 'file:d.log'], script);
    expect([host.files.get('s.log'), host.files.get('d.log'), out]).toEqual(['serial\n', 'debug\n', '']);
  });

  it('the devices that -device names', async () => {
    const flags = ['-nodefaults', '-chardev', 'file,id=d,path=d.log', '-chardev', 'file,id=s,path=s.log'];
    flags.push('-device', 'isa-debugcon,iobase=0x402,chardev=d', '-device', 'isa-serial,chardev=s');
    const { host, spec } = await qemu(flags, script);
    expect([host.files.get('s.log'), host.files.get('d.log')]).toEqual(['serial\n', 'debug\n']);
    expect(spec).toMatchObject({ devices: [], board: { debugPort: 0x402 } });
    expect((await qemu(['-device', 'isa-serial'], script)).err).toContain('there is no character device ""');
  });

  it('files by name', async () => {
    const { host } = await qemu(['-chardev', 'file,id=f,path=s.log', '-serial', 'chardev:f'], script);
    expect(host.files.get('s.log')).toBe('serial\n');
  });

  it.each<[string[], boolean, boolean]>([
    [['-chardev', 'stdio,id=c,mux=on', '-serial', 'chardev:c', '-mon', 'chardev=c,mode=readline'], true, false],
    [['-chardev', 'stdio,id=c,mux=on', '-serial', 'chardev:c', '-monitor', 'chardev:c'], true, false],
    [['-chardev', 'stdio,id=c', '-serial', 'chardev:c'], false, false],
    [['-chardev', 'stdio,id=c', '-mon', 'c', '-serial', 'none'], false, true],
  ])('%j: the monitor is behind Ctrl-A %s, alone on stdio %s', (flags, multiplexed, monitorOnStdio) => {
    const read = readQemuArguments(['-kernel', 'k', ...flags], { personalities: [], note: () => undefined });
    if (read.kind !== 'run') throw new Error(read.topic);
    const [serial] = read.configuration.serials;
    expect(serial?.kind === 'stdio' && serial.multiplexed).toBe(multiplexed);
    expect(read.configuration.monitorOnStdio).toBe(monitorOnStdio);
  });
});

describe('the log', () => {
  const during = (trace: TraceBus) => {
    trace.channel('xhci.run').emit({ controller: '00:03.0' });
    trace.channel('memory.invalid-access').emit({
      write: false,
      address: bus(0xffff_ff80_002e_3080n),
      size: 4,
      region: undefined,
      reason: 'rejected',
    });
  };
  const INVALID = "Invalid read at addr 0xFFFFFF80002E3080, size 4, region '(null)', reason: rejected\n";

  it('is silent by default, as QEMU is', async () => {
    const { err } = await qemu([], { during });
    expect(err).toBe('\nreport: the guest ended the run through isa-debug-exit, status 33; 0 roots; exit 33\n');
  });

  it.each<[string[], string]>([
    [['-d', 'guest_errors,invalid_mem', '-trace', 'usb_xhci_*'], `usb_xhci_run \n${INVALID}`],
    [['-d', 'invalid_mem'], INVALID],
    [['-d', 'trace:usb_xhci_run'], 'usb_xhci_run \n'],
    [['-trace', 'enable=usb_xhci_run'], 'usb_xhci_run \n'],
    [['-trace', 'usb_xhci_*', '-trace', '-usb_xhci_run'], ''],
    [['-trace', 'usb_xhci_run', '-msg', 'timestamp=on'], '1@0.000000:usb_xhci_run \n'],
  ])('%j', async (flags, expected) => {
    const { err, host } = await qemu([...flags, '-D', 'q.log'], { during });
    expect(host.files.get('q.log')).toBe(expected);
    expect(host.openFiles.size).toBe(0);
    expect(err).not.toContain('Invalid');
    expect((await qemu(flags, { during })).err.startsWith(expected)).toBe(true);
  });

  it('notes a pattern that matches nothing, and runs', async () => {
    const { err, exitCode } = await qemu(['-trace', 'usb_xchi_run']);
    expect(err).toContain('no trace event of dmascope matches "usb_xchi_run" (did you mean "usb_xhci_run"?)');
    expect(exitCode).toBe(33);
  });

  it('writes reports where -dmascope says', async () => {
    const { host } = await qemu(['-dmascope', 'report=r.json,text=r.txt'], { errors: 1 });
    expect(JSON.parse(host.files.get('r.json')!).errors).toBe(1);
    expect(host.files.get('r.txt')).toContain('1 roots');
  });
});

describe('questions instead of a run', () => {
  it.each<[string[], string]>([
    [['-version'], 'standing in for QEMU'],
    [['-help'], '-device'],
    [['-h'], '-dmascope settings'],
    [['-device', 'help'], '  usb-kbd\n'],
    [['-d', 'help'], '  guest_errors'],
    [['-trace', 'help'], 'usb_xhci_fetch_trb\n'],
    [['-M', 'help'], '  q35\n'],
    [['-cpu', '?'], '  qemu64\n'],
  ])('%j', async (flags, expected) => {
    const { exitCode, out, services } = await dmascope(['qemu-system-x86_64', ...flags]);
    expect(exitCode).toBe(0);
    expect(out).toContain(expected);
    expect(services.specs).toEqual([]);
  });
});

describe('key=value lists', () => {
  it.each<[string, string | undefined, [string, string][]]>([
    [
      'a=1,b=2',
      undefined,
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    [
      'x,a=1',
      'driver',
      [
        ['driver', 'x'],
        ['a', '1'],
      ],
    ],
    ['x', undefined, [['x', 'on']]],
    [
      'path=a,,b,c',
      undefined,
      [
        ['path', 'a,b'],
        ['c', 'on'],
      ],
    ],
    ['a=b=c', undefined, [['a', 'b=c']]],
    ['', 'k', [['k', '']]],
  ])('%j', (text, implied, entries) => {
    expect(parseOptionList(text, implied).entries).toEqual(entries);
  });

  it('takes the last of a key given twice', () => {
    expect(parseOptionList('a=1,a=2', undefined).get('a')).toBe('2');
  });
});
