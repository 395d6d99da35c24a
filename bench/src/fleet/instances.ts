import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RestClient } from '@holdfast/protocol';
import { createWire, httpClient } from '@holdfast/wire';
import type { Installation } from './installation.ts';
import type { ServerOrder } from './messages.ts';
import { Worker } from './processes.ts';

const host = '127.0.0.1';

/** Where an instance is, over all of its lives. */
interface Place {
  readonly order: ServerOrder;
  /** Undefined while it is killed, or not yet back. */
  server: Worker | undefined;
  /** Of lives that are over. */
  peakBytes: number;
  processorSeconds: number;
}

/** The server's instances, which can be killed and come back. */
export class ServerInstances implements AsyncDisposable {
  readonly #places: readonly Place[];

  private constructor(places: readonly Place[]) {
    this.#places = places;
  }

  static async start(orders: readonly ServerOrder[]): Promise<ServerInstances> {
    const places = orders.map((order) => ({ order, server: undefined, peakBytes: 0, processorSeconds: 0 }));
    const instances = new ServerInstances(places);
    for (const number of orders.keys()) await instances.start(number);
    return instances;
  }

  get count(): number {
    return this.#places.length;
  }

  async start(number: number): Promise<void> {
    const place = this.#place(number);
    const server = Worker.start('server-process.ts', place.order);
    await server.ready();
    place.server = server;
  }

  async kill(number: number): Promise<void> {
    const place = this.#place(number);
    const { server } = place;
    if (!server) return;
    place.peakBytes = Math.max(place.peakBytes, server.memory().peakBytes);
    place.processorSeconds += server.processorSeconds();
    place.server = undefined;
    await server.kill();
  }

  /** Resident memory of all together. */
  residentBytes(): number {
    return this.#sum(({ server }) => server?.memory().residentBytes ?? 0);
  }

  /** The highest of each, together. */
  peakBytes(): number {
    return this.#sum(({ server, peakBytes }) => Math.max(peakBytes, server?.memory().peakBytes ?? 0));
  }

  processorSeconds(): number {
    return this.#sum((place) => place.processorSeconds + (place.server?.processorSeconds() ?? 0));
  }

  /** A client of whichever lives, as one that knows a name with several addresses. */
  restClient({ folder }: Installation, resources: AsyncDisposableStack): RestClient {
    const file = (name: string): string => readFileSync(join(folder, 'server', name), 'utf8').trim();
    const wire = resources.use(createWire({ role: 'client', bind: host }));
    const caPem = file('ca.pem');
    const http = resources.use(
      httpClient({
        connections: 4,
        connect: (signal) => {
          const living = this.#places.filter(({ server }) => server?.isRunning === true);
          const place = living[Math.floor(Math.random() * living.length)] ?? this.#place(0);
          return wire.dial('client-to-server', host, { port: place.order.ports.rest, caPem, signal });
        },
      }),
    );
    return new RestClient({ http, token: file('admin-token') });
  }

  #place(number: number): Place {
    const place = this.#places[number];
    if (!place) throw new RangeError(`there is no instance ${number}`);
    return place;
  }

  #sum(value: (place: Place) => number): number {
    return this.#places.reduce((total, place) => total + value(place), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const number of this.#places.keys()) await this.kill(number);
  }
}
