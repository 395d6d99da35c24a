import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { HoldfastError, productVersion, toHoldfastError } from '@holdfast/core';
import { agentConfiguration, type EnrollableRole, enrolComputer } from '@holdfast/protocol';
import { createWire } from '@holdfast/wire';
import { resolvePath } from '../data-directory.ts';
import { parseServer } from '../server-address.ts';
import { checkedConfiguration } from './configuration.ts';
import { dataOf } from './role-options.ts';

export interface EnrollOptions {
  readonly config?: string;
  readonly role?: EnrollableRole;
  readonly server?: string;
  readonly caFingerprint?: string;
  readonly tokenFile?: string;
  readonly address?: string;
  readonly data?: string;
}

interface Joining {
  readonly role: EnrollableRole;
  /** Tried in this order. */
  readonly servers: readonly { readonly host: string; readonly port?: number | undefined }[];
  readonly caFingerprint: string;
  readonly token: string;
}

/** Joins this computer to a server: the key is made here, the server's CA is compared before the token is sent. */
export async function enroll(options: EnrollOptions): Promise<void> {
  const { role, servers, caFingerprint, token } =
    options.config === undefined ? await fromOptions(options) : await fromFile(options.config);
  const windowsAgent = process.platform === 'win32' && role === 'agent';
  await using wire = createWire({ role: role === 'mover' ? 'data-mover' : 'agent-linux', bind: '127.0.0.1' });
  let failure: HoldfastError | undefined;
  for (const server of servers) {
    try {
      const identity = await enrolComputer({
        ...{ dataDir: dataOf(options, role), wire, channel: windowsAgent ? 'windows-enrolment' : 'enrolment' },
        ...{ server, token, caFingerprint, role, productVersion, address: options.address },
      });
      process.stdout.write(`Enrolled as ${identity.role} ${identity.id}.\n`);
      return;
    } catch (error) {
      failure = toHoldfastError(error);
      // Whoever answers is the server, and what it says counts; the request is the same for the next address.
      if (!failure.code.startsWith('channel.')) throw failure;
    }
  }
  throw failure ?? new HoldfastError('usage.option', { message: 'No server is named.' });
}

/** All that is needed is in the file of `holdfast groups export`. */
async function fromFile(path: string): Promise<Joining> {
  const { role, servers, caFingerprint, token } = await checkedConfiguration(agentConfiguration, path);
  const isWindowsAgent = process.platform === 'win32' && role === 'agent';
  return {
    ...{ role, caFingerprint, token },
    servers: servers.map(({ host, enrolmentPort, windowsEnrolmentPort }) => ({
      host,
      port: isWindowsAgent ? windowsEnrolmentPort : enrolmentPort,
    })),
  };
}

async function fromOptions(options: EnrollOptions): Promise<Joining> {
  const { role, server, caFingerprint, tokenFile } = options;
  if (role === undefined || server === undefined || caFingerprint === undefined || tokenFile === undefined)
    throw new HoldfastError('usage.option', {
      message: 'To join, this computer needs --role, --server, --ca-fingerprint and --token-file, or --config alone.',
      guidance: '`holdfast token create` and `holdfast groups export` on the server make what is needed.',
    });
  const given = tokenFile === '-' ? await text(process.stdin) : await readFile(resolvePath(tokenFile), 'utf8');
  return { role, caFingerprint, token: given.trim(), servers: [parseServer(server)] };
}
