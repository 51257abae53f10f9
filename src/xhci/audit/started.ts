/** What the registers held when software set Run/Stop. */
import type { XhciController } from '../controller.ts';
import type { XhciFacts } from '../facts.ts';

type Started = Parameters<XhciFacts['xhci.started']['emit']>[0];

export function startedFact(controller: XhciController, lostByReset: readonly string[]): Started {
  const { operational, commands, interrupters } = controller;
  const current = controller.writtenPointers();
  return {
    controller: controller.name,
    dcbaap: operational.deviceContextArray,
    crcr: commands.pointer,
    maxSlotsEnabled: controller.slotsEnabled,
    interrupters: interrupters
      .filter(({ erstsz, erstbaLow, erstbaHigh }, index) => index === 0 || erstsz + erstbaLow + erstbaHigh !== 0)
      .map(({ index, tableAddress, erstsz, dequeueAddress }) => ({
        index,
        erstba: tableAddress,
        erstsz,
        erdp: dequeueAddress,
      })),
    // What software wrote again after the reset is not lost.
    lostByReset: lostByReset.filter((name) => !current.includes(name)),
  };
}
