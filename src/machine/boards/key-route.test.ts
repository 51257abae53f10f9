import { expect, it } from 'vitest';
import { KeyRoute } from './key-route.ts';

function scene(usbAlways: boolean) {
  const log: string[] = [];
  const press = (where: string) => (name: string, down: boolean) => log.push(`${where} ${name}${down ? '' : '^'}`);
  const usb = { configured: false, pressKey: press('usb') };
  return { log, usb, route: new KeyRoute({ ps2: { pressKey: press('ps2') }, usb, usbAlways }) };
}

it('keys go to the USB keyboard once a driver has configured it, and come up where they went down', () => {
  const { log, usb, route } = scene(false);
  route.pressKey('a', true);
  usb.configured = true;
  route.pressKey('b', true);
  route.pressKey('a', false);
  usb.configured = false;
  route.pressKey('b', false);
  route.pressKey('c', true);
  expect(log).toEqual(['ps2 a', 'usb b', 'ps2 a^', 'usb b^', 'ps2 c']);
});

it("QEMU's go to it always", () => {
  const { log, route } = scene(true);
  route.pressKey('a', true);
  route.pressKey('a', false);
  expect(log).toEqual(['usb a', 'usb a^']);
});

it('saves and loads what is held where', () => {
  const { route } = scene(false);
  route.pressKey('a', true);
  const other = scene(false);
  other.usb.configured = true;
  other.route.load(route.save());
  other.route.pressKey('a', false);
  expect(other.log).toEqual(['ps2 a^']);
});
