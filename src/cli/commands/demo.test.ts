import { describe, expect, it } from 'vitest';
import { dmascope, FakeHost, type Script } from '../testing/fake-host.ts';

function hostWithGuests(): FakeHost {
  const host = new FakeHost();
  const guest = (name: string, ram = '128M') => ({
    name,
    file: `built/${name}.elf`,
    ram,
    rules: [],
    note: `About ${name}.`,
  });
  host.files.set(
    '/pkg/guests/manifest.json',
    JSON.stringify({ guests: ['story', 'story-mended'].map((name) => guest(name)).concat(guest('dma-06', '3G')) }),
  );
  for (const name of ['story', 'story-mended', 'dma-06']) host.files.set(`/pkg/guests/built/${name}.elf`, name);
  return host;
}

const demo = (args: readonly string[], ...scripts: Script[]) => dmascope(['demo', ...args], scripts, hostWithGuests());

describe('dmascope demo', () => {
  it('plays the bug, then the mended driver, and is content when both went as they should', async () => {
    const { exitCode, services, err, out } = await demo(
      [],
      { errors: 2, serial: 'silent\n' },
      { serial: 'keyboard\n' },
    );
    expect(exitCode).toBe(0);
    expect(services.specs.map(({ image }) => image?.path)).toEqual([
      '/pkg/guests/built/story.elf',
      '/pkg/guests/built/story-mended.elf',
    ]);
    expect(out).toBe('silent\nkeyboard\n');
    expect(err).toContain('$ dmascope run guests/built/story.elf\n');
    expect(err.indexOf('exit 1')).toBeLessThan(err.indexOf('story-mended'));
    expect(err).toContain('Now your own: dmascope run kernel.elf');
  });

  it.each<[string, Script, Script]>([
    ['the bug is not found', {}, {}],
    ['the mended driver has findings', { errors: 1 }, { errors: 1 }],
  ])('is exit 70 when %s', async (_, first, second) => {
    const { exitCode, err } = await demo([], first, second);
    expect(exitCode).toBe(70);
    expect(err).toContain('error: the demo ended with exit');
  });

  it('plays one guest by name, with its memory and the exit status of run', async () => {
    const { exitCode, spec } = await demo(['dma-06'], { errors: 1 });
    expect(exitCode).toBe(1);
    expect(spec?.ramBytes).toBe(3 * 2 ** 30);
    expect(spec?.devices.map(({ kind }) => kind)).toEqual(['isa-debug-exit', 'qemu-xhci', 'usb-kbd']);
  });

  it('--list names all guests', async () => {
    const { exitCode, out, services } = await demo(['--list']);
    expect(exitCode).toBe(0);
    expect(out).toBe('story         About story.\nstory-mended  About story-mended.\ndma-06        About dma-06.\n');
    expect(services.specs).toEqual([]);
  });

  it('suggests a name', async () => {
    const { exitCode, err } = await demo(['stroy']);
    expect(exitCode).toBe(2);
    expect(err).toContain('there is no demo "stroy" (did you mean "story"?)');
    expect(err).toContain('dmascope demo --list');
  });
});

describe('dmascope explain', () => {
  it('lists all findings', async () => {
    const { exitCode, out } = await dmascope(['explain']);
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^DMA-01 +\S/m);
    expect(out.trim().split('\n').length).toBeGreaterThan(20);
  });

  it.each(['DMA-01', 'dma-01', 'dma/virtual-address'])('%s', async (code) => {
    const { exitCode, out, err } = await dmascope(['explain', code]);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toContain('DMA-01');
    for (const heading of ['Why it matters', 'Wrong', 'Right', 'Specification']) expect(out).toContain(`${heading}\n`);
  });

  it('is plain in a pipe and coloured on a terminal', async () => {
    expect((await dmascope(['explain', 'DMA-01'])).out).not.toContain('\u001b');
    expect((await dmascope(['explain', 'DMA-01', '--color', 'always'])).out).toContain('\u001b[');
  });

  it('suggests', async () => {
    const { exitCode, err } = await dmascope(['explain', 'virtual-adress']);
    expect(exitCode).toBe(2);
    expect(err).toContain('(did you mean "dma/virtual-address"?)');
  });
});
