import type { TestContext } from 'node:test';
import type { Connection } from './connection.ts';
import type { Identity } from './identity.ts';
import { createTestInstallation } from './test-certificates.ts';
import { createWire, type Wire } from './wire.ts';
import type { WireOptions } from './wire-options.ts';

/** One installation with one certificate of each role, shared by the tests of a file, and wires that end with their test. */
export async function testFleet() {
  const installation = await createTestInstallation();
  const [server, agent, mover, otherAgent] = await Promise.all([
    installation.issue({ role: 'server' }),
    installation.issue({ role: 'agent' }),
    installation.issue({ role: 'mover' }),
    installation.issue({ role: 'agent' }),
  ]);

  const wire = (t: TestContext, identity: Identity | undefined, options: Partial<WireOptions> = {}): Wire => {
    const made = createWire({ role: 'backup-server', bind: '127.0.0.1', identity: () => identity, ...options });
    t.after(() => made[Symbol.asyncDispose]());
    return made;
  };
  return { installation, server, agent, mover, otherAgent, wire };
}

/** Both ends of a connection along a channel, over loopback TLS. */
export async function connectedPair(
  from: Wire,
  to: Wire,
  channel: Connection['channel'],
): Promise<{ near: Connection; far: Connection }> {
  const arrived = Promise.withResolvers<Connection>();
  const listener = await to.listen(channel, { onConnection: arrived.resolve });
  const near = await from.dial(channel, '127.0.0.1', { port: listener.port });
  return { near, far: await arrived.promise };
}
