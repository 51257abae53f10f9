/** When the reset of an empty port is what the guest waits for ever after. */
import { describe, expect, it } from 'vitest';
import { DEVICE, DriverScene } from '../../testing/driver-scene.ts';

function resetEmptyPort(scene: DriverScene): DriverScene {
  return scene
    .setUp()
    .start()
    .write32('PORTSC', 0x210, 'port', 0)
    .see('xhci.port-reset', { controller: DEVICE, portId: 1, warm: false, connected: false, powered: true });
}

describe('the reset of an empty port', () => {
  it('is an error when it was the last thing before an endless wait', () => {
    const { roots, findings } = resetEmptyPort(new DriverScene()).idle('spin').finish();
    expect(roots.map(({ rule, severity, count }) => [rule.code, severity, count])).toEqual([['PORT-05', 'error', 1]]);
    expect(findings).toHaveLength(2);
  });

  it('has nothing to do with a wait that began after the driver went on', () => {
    const scene = resetEmptyPort(new DriverScene());
    const { roots, findings } = scene.doorbell().write32('CONFIG', 8, 'operational', 0x38).idle('spin').finish();
    expect(roots.map(({ rule, severity }) => [rule.code, severity])).toEqual([['PORT-05', 'warning']]);
    expect(findings).toHaveLength(1);
  });

  it('has nothing to do with a guest that halts, waiting for work', () => {
    const { findings } = resetEmptyPort(new DriverScene()).idle('halted').finish();
    expect(findings).toHaveLength(1);
  });
});
