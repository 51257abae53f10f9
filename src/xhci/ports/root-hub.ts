/** The root hub: USB3 ports first, then USB2, pairs of them sharing a socket (as QEMU numbers them). */
import type { UsbDevice } from '../../usb/bus.ts';
import type { Host } from '../host.ts';
import { RootPort } from './root-port.ts';
import { UsbSocket } from './socket.ts';

export class RootHub {
  readonly sockets: readonly UsbSocket[];
  readonly ports: readonly RootPort[];

  constructor(readonly host: Host) {
    const { usb2Ports, usb3Ports } = host.model;
    this.sockets = Array.from({ length: Math.max(usb2Ports, usb3Ports) }, (_, index) => new UsbSocket(index));
    const ports: RootPort[] = [];
    for (let index = 0; index < usb3Ports; index += 1) {
      ports.push(new RootPort(host, ports.length + 1, 3, this.sockets[index]!));
    }
    for (let index = 0; index < usb2Ports; index += 1) {
      ports.push(new RootPort(host, ports.length + 1, 2, this.sockets[index]!));
    }
    this.ports = ports;
  }

  get count(): number {
    return this.ports.length;
  }

  port(portId: number): RootPort | undefined {
    return this.ports[portId - 1];
  }

  /**
   * The socket behind a Root Hub Port Number. Both ports of a pair lead to it in QEMU; strictly, only the port that
   * sees the device does.
   */
  socketOf(portId: number): UsbSocket | undefined {
    return this.port(portId)?.socket;
  }

  portEnabled(portId: number): boolean {
    const port = this.port(portId);
    return port?.connected === true && port.enabled;
  }

  /** Plugs a device into a socket (0-based), or into the first free one that has a port for its speed. Returns the port id. */
  attach(device: UsbDevice, socketIndex?: number): number | undefined {
    const wanted = device.speed === 'super' ? 3 : 2;
    const port = this.ports.find(
      ({ protocol, socket }) =>
        protocol === wanted &&
        socket.device === undefined &&
        (socketIndex === undefined || socket.index === socketIndex),
    );
    if (port === undefined) return undefined;
    port.socket.device = device;
    port.update(false);
    return port.portId;
  }

  detach(portId: number): UsbDevice | undefined {
    const port = this.port(portId);
    const device = port?.socket.device;
    if (port === undefined || device === undefined || !port.connected) return undefined;
    port.update(true);
    port.socket.device = undefined;
    return device;
  }

  reset(): void {
    for (const port of this.ports) {
      if (!this.host.personality.ports.changeWithoutDevice) port.portsc = 0;
      port.update(false);
    }
  }
}
