import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { productVersion } from '@holdfast/core';
import { type EnrollableRole, enrolComputer } from '@holdfast/protocol';
import { createWire } from '@holdfast/wire';
import { resolvePath } from '../data-directory.ts';
import { parseServer } from '../server-address.ts';
import { dataOf } from './role-options.ts';

export interface EnrollOptions {
  readonly role: EnrollableRole;
  readonly server: string;
  readonly caFingerprint: string;
  readonly tokenFile: string;
  readonly address?: string;
  readonly data?: string;
}

/** Joins this computer to a server: the key is made here, the server's CA is compared before the token is sent. */
export async function enroll(options: EnrollOptions): Promise<void> {
  const windowsAgent = process.platform === 'win32' && options.role === 'agent';
  await using wire = createWire({ role: options.role === 'mover' ? 'data-mover' : 'agent-linux', bind: '127.0.0.1' });
  const given =
    options.tokenFile === '-' ? await text(process.stdin) : await readFile(resolvePath(options.tokenFile), 'utf8');
  const identity = await enrolComputer({
    dataDir: dataOf(options, options.role),
    wire,
    channel: windowsAgent ? 'windows-enrolment' : 'enrolment',
    server: parseServer(options.server),
    token: given.trim(),
    caFingerprint: options.caFingerprint,
    role: options.role,
    productVersion,
    address: options.address,
  });
  process.stdout.write(`Enrolled as ${identity.role} ${identity.id}.\n`);
}
