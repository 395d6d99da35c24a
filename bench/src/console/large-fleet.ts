import { join } from 'node:path';
import { freeRange } from '@holdfast/core/testing';
import { RestClient } from '@holdfast/protocol';
import { TestServer } from '@holdfast/server/testing';
import { createWire, httpClient } from '@holdfast/wire';
import { Worker } from '../fleet/processes.ts';
import { type FleetSize, fillCatalogue } from './filled-catalogue.ts';

const host = '127.0.0.1';

/** Who can sign in at it. */
export interface Person {
  readonly name: string;
  readonly password: string;
}

/** A server that knows a large fleet, in a process of its own. */
export interface LargeFleet extends AsyncDisposable {
  readonly client: RestClient;
  readonly origin: string;
  readonly pid: number;
  readonly person: Person;
}

export async function startLargeFleet(folder: string, size: FleetSize): Promise<LargeFleet> {
  const { from } = await freeRange(2);
  const ports = { rest: from, control: from + 1 };
  const person = { name: 'bench', password: TestServer.passwordOf('bench') };
  // Its first start makes the tables, and the keys.
  const made = await TestServer.start(folder, { database: 'file' });
  await made.person(person.name, 'administrator');
  const { caPem, token } = made;
  await made[Symbol.asyncDispose]();
  const dataDir = join(folder, 'server');
  fillCatalogue(join(dataDir, 'catalogue.sqlite'), size);
  await using stack = new AsyncDisposableStack();
  const server = stack.use(Worker.start('server-process.ts', { dataDir, database: undefined, ports }));
  await server.ready();
  const wire = stack.use(createWire({ role: 'client', bind: host }));
  const http = stack.use(
    httpClient({ connect: (signal) => wire.dial('client-to-server', host, { port: ports.rest, caPem, signal }) }),
  );
  const resources = stack.move();
  return {
    ...{ client: new RestClient({ http, token }), origin: `https://${host}:${ports.rest}`, person },
    pid: server.child.pid ?? 0,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
