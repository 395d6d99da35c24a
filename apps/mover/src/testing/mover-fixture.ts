import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isChannelId } from '@holdfast/contract';
import type { Clock } from '@holdfast/core';
import { systemClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { GrantIssuer, type GrantMode, type GrantRequest, type IdentityKey, leaseAnswer } from '@holdfast/protocol';
import { type Connection, createWire, type HttpClient, httpClient, type Wire } from '@holdfast/wire';
import { createTestInstallation, type TestInstallation, type TestLeaf } from '@holdfast/wire/testing';
import { importJWK } from 'jose';
import { pino } from 'pino';
import { moverConfigSchema } from '../config.ts';
import { type RunningMover, startMover } from '../mover.ts';

/** A mover on loopback with an installation of its own, and everything that talks to it. */
export interface MoverFixture {
  readonly installation: TestInstallation;
  readonly mover: RunningMover;
  readonly identity: TestLeaf;
  readonly dataDir: string;
  readonly storageRoot: string;
  readonly server: TestLeaf;
  readonly agent: TestLeaf;
  readonly issuer: GrantIssuer;
  readonly signingKey: IdentityKey;
  readonly log: string[];
  /** A wire of somebody else, closed after the test. */
  wireOf(identity: TestLeaf | undefined): Wire;
  /** A client on 6162 with that identity; none: a client without a certificate. */
  client(identity: TestLeaf | undefined, options?: { connections?: number; port?: number }): HttpClient;
  /** The mover's own API as the server. */
  api(
    method: 'GET' | 'PUT' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<{ status: number; json: unknown }>;
  grant(request?: Partial<GrantRequest>): Promise<string>;
  openSession(options?: {
    agent?: TestLeaf;
    mode?: GrantMode;
    repository?: string;
  }): Promise<{ sessionId: string; grant: string }>;
  /** A client whose connections are data channels of a session: leased by the mover, or dialled by it. */
  dataClient(direction: 'agent-dials' | 'mover-dials', session: { sessionId: string; grant: string }): HttpClient;
  place(repository: string): Promise<void>;
  /** `between`: done while the mover is down. The port may change; clients of this fixture follow. */
  restart(between?: () => void): Promise<void>;
}

export interface FixtureOptions {
  readonly clock?: Clock;
  readonly storageRoot?: string;
  readonly quotaBytes?: number;
  readonly ports?: Record<string, unknown>;
  readonly isLocal?: (address: string) => boolean;
}

/** The data range of these tests: apart from the contract's, which a real mover on this computer may use, and of outgoing connections. */
export const testDataRange = { from: 22_500, to: 22_899 };

export async function startFixture(
  t: { after(end: () => void | Promise<void>): void },
  options: FixtureOptions = {},
): Promise<MoverFixture> {
  const folders: (() => void)[] = [];
  const folder = temporaryFolder({ after: (remove) => void folders.push(remove) });
  const clock = options.clock ?? systemClock;
  const installation = await createTestInstallation();
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const jwk = privateKey.export({ format: 'jwk' });
  const key = await importJWK(jwk, 'EdDSA');
  if (key instanceof Uint8Array) throw new TypeError('not a key');
  const signingKey: IdentityKey = {
    kty: 'OKP',
    crv: 'Ed25519',
    kid: 'test',
    x: String(publicKey.export({ format: 'jwk' }).x),
  };
  const issuer = new GrantIssuer({
    installation: installation.installation,
    key: { id: 'test', privateKey: key },
    clock,
  });
  const [identity, server, agent] = await Promise.all([
    installation.issue({ role: 'mover' }),
    installation.issue({ role: 'server' }),
    installation.issue({ role: 'agent' }),
  ]);
  const dataDir = join(folder, 'data');
  const storageRoot = options.storageRoot ?? join(folder, 'storage');
  mkdirSync(dataDir, { mode: 0o700 });
  writeFileSync(
    join(dataDir, 'identity.json'),
    JSON.stringify({
      version: 1,
      role: 'mover',
      id: identity.id,
      installation: installation.installation,
      server: { id: server.id, host: '127.0.0.1' },
      certificatePem: identity.certificatePem,
      privateKeyPem: identity.privateKeyPem,
      caPem: installation.caPem,
      identityKeys: [signingKey],
    }),
    { mode: 0o600 },
  );
  const log: string[] = [];
  const logger = pino({ level: 'debug' }, { write: (line: string) => void log.push(line) });
  const config = moverConfigSchema.parse({
    storageRoot,
    bind: '127.0.0.1',
    server: { host: '127.0.0.1' },
    ports: {
      'server-to-mover': 0,
      'agent-to-mover-transport': 0,
      'client-to-mover': 0,
      'server-to-agent-transport': 0,
      'mover-to-agent-transport': 0,
      'agent-to-mover-data': testDataRange,
      'agent-local-data': testDataRange,
      ...options.ports,
    },
    ...(options.quotaBytes === undefined ? {} : { quotas: { defaultBytes: options.quotaBytes } }),
  });
  const start = (): Promise<RunningMover> =>
    startMover({ dataDir, config, logger, clock, ...(options.isLocal ? { isLocal: options.isLocal } : {}) });
  let mover = await start();
  const open = new AsyncDisposableStack();
  t.after(async () => {
    await open.disposeAsync();
    await mover[Symbol.asyncDispose]();
    for (const remove of folders) remove();
  });

  const wireOf = (leaf: TestLeaf | undefined): Wire =>
    open.use(
      createWire({
        role: leaf?.role === 'server' ? 'backup-server' : leaf?.role === 'mover' ? 'data-mover' : 'agent-linux',
        bind: '127.0.0.1',
        identity: () => leaf,
        overrides: { 'server-to-agent-data': testDataRange },
      }),
    );
  const channelOf = (leaf: TestLeaf | undefined) => {
    if (!leaf) return 'client-to-mover' as const;
    if (leaf.role === 'server') return 'server-to-mover' as const;
    return leaf.role === 'mover' ? ('mover-to-agent-transport' as const) : ('agent-to-mover-transport' as const);
  };
  const client = (
    leaf: TestLeaf | undefined,
    { connections = 4, port }: { connections?: number; port?: number } = {},
  ): HttpClient => {
    const wire = wireOf(leaf);
    return open.use(
      httpClient({
        connections,
        connect: (signal) =>
          wire.dial(channelOf(leaf), '127.0.0.1', {
            port: port ?? mover.port,
            signal,
            ...(leaf ? {} : { caPem: installation.caPem }),
          }),
      }),
    );
  };
  const serverClient = client(server);
  const api: MoverFixture['api'] = async (method, path, body, headers = {}) => {
    const response = await serverClient.request({
      method,
      path: `/holdfast/v1${path}`,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, json: await response.json() };
  };
  const fixture: MoverFixture = {
    installation,
    get mover() {
      return mover;
    },
    identity,
    dataDir,
    storageRoot,
    server,
    agent,
    issuer,
    signingKey,
    log,
    wireOf,
    client,
    api,
    grant: (request = {}) =>
      issuer.issue({
        subject: `agent/${agent.id}`,
        tenant: 'local',
        repository: 'repo',
        mode: 'append',
        sessionId: undefined,
        fingerprint: agent.fingerprint,
        lifetimeMs: 3_600_000,
        ...request,
      }),
    openSession: async (session = {}) => {
      const { agent: owner = agent, mode = 'append', repository = 'repo' } = session;
      const sessionId = randomUUID();
      const subject = `agent/${owner.id}`;
      const opened = await api('POST', '/sessions', {
        sessionId,
        tenant: 'local',
        repository,
        subject,
        fingerprint: owner.fingerprint,
        mode,
      });
      if (opened.status !== 200) throw new Error(`no session: ${JSON.stringify(opened)}`);
      return {
        sessionId,
        grant: await fixture.grant({ subject, repository, mode, sessionId, fingerprint: owner.fingerprint }),
      };
    },
    dataClient: (direction, session) => {
      const wire = wireOf(agent);
      const transport = client(agent, { connections: 1 });
      const connect = direction === 'agent-dials' ? leased : offered;
      async function leased(signal: AbortSignal): Promise<Connection> {
        const answer = await transport.request({
          method: 'POST',
          path: `/holdfast/v1/sessions/${session.sessionId}/leases`,
          headers: { authorization: `Bearer ${session.grant}` },
          body: '{"count":1}',
          signal,
        });
        const { channel, leases } = leaseAnswer.parse(await answer.json());
        const [lease] = leases;
        if (!lease || !isChannelId(channel)) throw new Error('no lease');
        return wire.dialLease(channel, '127.0.0.1', lease.port, {
          nonce: Buffer.from(lease.nonce, 'base64url'),
          fingerprint: identity.fingerprint,
          signal,
        });
      }
      async function offered(): Promise<Connection> {
        const nonce = randomBytes(32);
        const lease = await wire.lease('server-to-agent-data', { nonce, fingerprint: identity.fingerprint });
        const dialled = await api('POST', `/sessions/${session.sessionId}/dial`, {
          host: '127.0.0.1',
          port: lease.port,
          nonce: nonce.toString('base64url'),
          fingerprint: agent.fingerprint,
          channel: 'server-to-agent-data',
        });
        if (dialled.status !== 200) throw new Error(`not dialled: ${JSON.stringify(dialled)}`);
        return lease.connection;
      }
      return open.use(httpClient({ connect, connections: 4 }));
    },
    place: async (repository) => {
      const placed = await api('POST', '/repositories', { tenant: 'local', repository });
      if (placed.status !== 200) throw new Error(`not placed: ${JSON.stringify(placed)}`);
    },
    restart: async (between) => {
      await mover[Symbol.asyncDispose]();
      between?.();
      mover = await start();
    },
  };
  return fixture;
}
