import { join } from 'node:path';
import { resolvePath } from '../data-directory.ts';
import { shellWord, writeSecretFile } from './secret-file.ts';

export interface AccessFromServer {
  readonly grant: string;
  readonly username: string;
  readonly url: string;
  readonly caPem: string;
  /** The repository's password, where it was asked for. */
  readonly password: string | undefined;
  /** Private key and certificate that restic has to show. */
  readonly clientPem?: string;
}

/** The address as restic and `--repo` take it. */
export function restAddress(url: string): string {
  return url.startsWith('rest:') ? url : `rest:${url}`;
}

/**
 * Writes a folder that a shell only has to read to work with the repository: `ca.pem`, `password` if asked for, and
 * `environment`, all of mode 0600. Gives the file to read.
 */
export async function writeAccess(folder: string, access: AccessFromServer): Promise<string> {
  const full = resolvePath(folder);
  const settings: [name: string, value: string][] = [
    ['RESTIC_REPOSITORY', restAddress(access.url)],
    ['RESTIC_REST_USERNAME', access.username],
    ['RESTIC_REST_PASSWORD', access.grant],
    ['RESTIC_CACERT', await writeSecretFile(join(full, 'ca.pem'), access.caPem)],
  ];
  if (access.clientPem !== undefined)
    settings.push(['RESTIC_TLS_CLIENT_CERT', await writeSecretFile(join(full, 'certificate.pem'), access.clientPem)]);
  if (access.password !== undefined) {
    settings.push(['RESTIC_PASSWORD_FILE', await writeSecretFile(join(full, 'password'), `${access.password}\n`)]);
  }
  return writeSecretFile(
    join(full, 'environment'),
    settings.map(([name, value]) => `export ${name}=${shellWord(value)}\n`).join(''),
  );
}
