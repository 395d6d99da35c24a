import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort, requireProgram } from '@holdfast/core/testing';
import { type Connection, createWire, httpClient, type Wire } from '@holdfast/wire';
import { createTestInstallation } from '@holdfast/wire/testing';
import type { OpenRestOptions } from '../open-rest.ts';
import { openRest } from '../open-rest.ts';
import type { RestTarget } from '../rest-target.ts';

/** The program that every test of the REST target talks to: restic's own server. */
export const restServerProgram = 'restic-rest-server';

export interface RestServer extends AsyncDisposable {
  /** Where it keeps its repositories. */
  readonly folder: string;
  readonly connect: (signal: AbortSignal) => Promise<Connection>;
  readonly open: (options: Partial<OpenRestOptions> & { readonly basePath: string }) => Promise<RestTarget>;
  /** Ends the program; connections to it break. */
  stop(): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
}

/** Starts restic's rest-server with TLS and a certificate of a data mover, so that our own wire can dial it. */
export async function startRestServer(folder: string, flags: readonly string[] = ['--no-auth']): Promise<RestServer> {
  const installation = await createTestInstallation();
  const leaf = await installation.issue({ role: 'mover' });
  const data = join(folder, 'data');
  mkdirSync(data, { recursive: true });
  const [certificateFile, keyFile] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
  writeFileSync(certificateFile, leaf.certificatePem);
  writeFileSync(keyFile, leaf.privateKeyPem, { mode: 0o600 });
  const wire: Wire = createWire({ role: 'client', bind: '127.0.0.1' });
  // Started again on the same one, which nobody else may be given meanwhile.
  const port = await freePort();
  let stopProgram = async (): Promise<void> => undefined;

  const start = async (): Promise<void> => {
    const tls = ['--tls', '--tls-cert', certificateFile, '--tls-key', keyFile, '--tls-min-ver', '1.3'];
    const flagsOfAll = ['--path', data, '--listen', `127.0.0.1:${port}`, ...tls, ...flags];
    const child = spawn(requireProgram(restServerProgram).path, flagsOfAll, { stdio: ['ignore', 'pipe', 'pipe'] });
    const exited = once(child, 'exit');
    stopProgram = async () => {
      child.kill('SIGKILL');
      await exited;
    };
    const said: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      createInterface(stream).on('line', (line) => {
        said.push(line);
        if (/start server on /.test(line)) child.emit('listening');
      });
    await Promise.race([once(child, 'listening'), exited]);
    if (child.exitCode !== null) throw new Error(`${restServerProgram} did not start: ${said.join(' | ')}`);
  };
  await start();

  const connect = (signal: AbortSignal): Promise<Connection> =>
    wire.dial('client-to-mover', '127.0.0.1', { port, caPem: installation.caPem, signal });
  return {
    folder: data,
    connect,
    start,
    stop: () => stopProgram(),
    open: (options) =>
      openRest({
        client: httpClient({ connect, connections: 5 }),
        location: `rest:https://127.0.0.1:${port}${options.basePath}`,
        ...options,
      }),
    [Symbol.asyncDispose]: async () => {
      await wire[Symbol.asyncDispose]();
      await stopProgram();
    },
  };
}
