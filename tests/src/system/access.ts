import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OneComputer } from './one-computer.ts';

/** The environment that `grant create --out` writes, as a shell would set it. */
export type Access = Readonly<Record<string, string>>;

/** Asks the server for a grant, the way the help of `holdfast grant create` says. */
export async function grantFor(
  computer: OneComputer,
  options: { readonly repository: string; readonly mode: 'append' | 'read'; readonly folder: string },
): Promise<Access> {
  const { repository, mode, folder } = options;
  await computer.holdfast(['grant', 'create', repository, '--for-restic', '--mode', mode, '--out', folder]);
  const environment = await computer.run('/bin/sh', ['-c', '. "$1"; env', 'sh', join(folder, 'environment')]);
  const lines = environment.stdout.split('\n').filter((line) => line.startsWith('RESTIC_'));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

/** The same grant, signed by the same server, but with other claims: what waiting for hours would give. */
export function withClaims(access: Access, computer: OneComputer, change: Readonly<Record<string, unknown>>): Access {
  const [header = '', claims = ''] = (access['RESTIC_REST_PASSWORD'] ?? '').split('.');
  const given = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>;
  const changed = { ...given, ...change };
  const signed = `${header}.${Buffer.from(JSON.stringify(changed)).toString('base64url')}`;
  const key = createPrivateKey(readFileSync(join(computer.data, 'server', 'identity-key.pem')));
  const signature = sign(null, Buffer.from(signed), key).toString('base64url');
  return { ...access, RESTIC_REST_PASSWORD: `${signed}.${signature}` };
}
