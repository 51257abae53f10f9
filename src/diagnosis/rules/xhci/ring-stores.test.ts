/** Rules about rings that must know whether a TRB was stored again, and how long the ring is. */
import { describe, expect, it } from 'vitest';
import { COMMAND_RING, DIRECT_MAP, DriverScene, NO_OP, rootCodes } from '../../testing/driver-scene.ts';

function noOp(scene: DriverScene, index: number, cycle: 0 | 1): void {
  scene.step().guest.trb(COMMAND_RING + index * 16, 0, 0, NO_OP | cycle);
}

/** A whole lap of No Ops in the scene's ring of 63, and the way back through its Link TRB. */
function lap(scene: DriverScene): DriverScene {
  scene.setUp().start();
  for (let index = 0; index < 63; index += 1) {
    noOp(scene, index, 1);
    scene.doorbell().look(COMMAND_RING + index * 16, 1, index);
    scene.completed(COMMAND_RING + index * 16);
  }
  return scene.wrap(COMMAND_RING + 63 * 16, COMMAND_RING, true);
}

describe('a TRB that equals the one of the last lap', () => {
  it('is new when it was stored again: its cycle bit is wrong', () => {
    const scene = lap(new DriverScene());
    noOp(scene, 0, 1);
    const { site } = scene.guest;
    scene.doorbell().look(COMMAND_RING, 0, 63);
    const diagnosis = scene.finish();
    expect(rootCodes(diagnosis)).toEqual(['RING-01']);
    expect(diagnosis.roots[0]!.site?.site.pc).toBe(site!.pc);
  });

  it('is old when nobody touched it: a spare doorbell is no mistake', () => {
    const scene = lap(new DriverScene());
    scene.doorbell().look(COMMAND_RING, 0, 63);
    expect(rootCodes(scene.finish())).toEqual([]);
  });

  it('is nobody knows what without who-wrote: then nothing is said', () => {
    const scene = lap(new DriverScene());
    noOp(scene, 0, 1);
    scene.guest.whoWrote = () => undefined;
    scene.doorbell().look(COMMAND_RING, 0, 63);
    expect(rootCodes(scene.finish())).toEqual([]);
  });

  it('shows where a ring without a Link TRB begins again', () => {
    const scene = new DriverScene();
    scene.setUp().start();
    for (let index = 0; index < 16; index += 1) {
      noOp(scene, index, 1);
      scene.doorbell().look(COMMAND_RING + index * 16, 1, index);
      scene.completed(COMMAND_RING + index * 16);
    }
    noOp(scene, 0, 1);
    scene.doorbell().look(COMMAND_RING + 16 * 16, 1, 16);
    expect(rootCodes(scene.finish())).toEqual(['RING-02']);
  });
});

describe('a ring that the debugging information names by its fields', () => {
  function withTypes(): DriverScene {
    const scene = new DriverScene();
    scene.guest.trbArray('command_ring');
    scene.setUp().start();
    noOp(scene, 0, 1);
    scene.doorbell().look(COMMAND_RING, 1, 0);
    return scene.completed(COMMAND_RING);
  }

  it('is as long as the variable: a doorbell for the empty rest of it is no mistake', () => {
    const scene = withTypes();
    scene.doorbell().look(COMMAND_RING + 16, 1, 1);
    expect(rootCodes(scene.finish())).toEqual([]);
  });

  it('has been left where the variable ends', () => {
    const scene = withTypes();
    const end = COMMAND_RING + 4096;
    scene.guest.variable('after', DIRECT_MAP + BigInt(end), 64);
    scene.doorbell().look(end, 1, 256);
    const diagnosis = scene.finish();
    expect(rootCodes(diagnosis)).toEqual(['RING-02']);
    expect(JSON.stringify(diagnosis.roots[0]!.facts)).toContain('`command_ring` ends at 0x2e6000');
  });
});

describe('a controller that ignores CRCR.RCS, as QEMU does', () => {
  it('runs the first command of a ring that is wrong elsewhere', () => {
    const scene = new DriverScene();
    scene.setUp({ crcr: COMMAND_RING }).start();
    noOp(scene, 0, 1);
    scene.doorbell().look(COMMAND_RING, 1, 0);
    const { roots } = scene.completed(COMMAND_RING).finish();
    expect(roots.map(({ rule, certainty, severity }) => [rule.code, certainty, severity])).toEqual([
      ['INIT-07', 'portability', 'warning'],
    ]);
  });

  it('leaves a right ring alone: the report does not blame the driver', () => {
    const scene = new DriverScene();
    scene.setUp({ crcr: COMMAND_RING }).start();
    noOp(scene, 0, 0);
    scene.doorbell().look(COMMAND_RING, 1, 0);
    const [root] = scene.finish().roots;
    expect(root).toMatchObject({ certainty: 'portability' });
    expect(JSON.stringify(root!.facts)).toContain('The driver is right');
  });

  it('is not suspected after CRCR was written to stop a running ring', () => {
    const scene = new DriverScene();
    scene.setUp().start();
    scene.write64('CRCR', 4);
    noOp(scene, 0, 1);
    scene.doorbell().look(COMMAND_RING, 1, 0);
    expect(rootCodes(scene.completed(COMMAND_RING).finish())).not.toContain('INIT-07');
  });
});
