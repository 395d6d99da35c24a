import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keycloakFolder } from '@holdfast/core/testing';

const version = '26.0.7';
const limitMs = 600_000;

/**
 * `npm run peers -- --keycloak`: Keycloak into `.peers/keycloak`, for the long test of signing in with a provider elsewhere. 150 MB by
 * Maven, and it needs Java 17 or newer, so it is brought only when it is asked for. Gives why it could not be had.
 */
export function installKeycloak(): string | undefined {
  if (existsSync(keycloakFolder)) return undefined;
  const work = mkdtempSync(join(tmpdir(), 'holdfast-keycloak-'));
  try {
    const artifact = `-Dartifact=org.keycloak:keycloak-quarkus-dist:${version}:zip`;
    const archive = join(work, `keycloak-quarkus-dist-${version}.zip`);
    for (const [name, ...args] of [
      ['mvn', '-q', 'dependency:copy', artifact, `-DoutputDirectory=${work}`],
      ['unzip', '-q', archive, '-d', work],
    ] as const) {
      const { status, error, stdout } = spawnSync(name, args, { cwd: work, encoding: 'utf8', timeout: limitMs });
      if (status !== 0) return error ? `${name} is missing` : `${name} failed: ${stdout.trim()}`;
    }
    // The folder for temporary files may be another file system.
    cpSync(join(work, `keycloak-${version}`), keycloakFolder, { recursive: true });
    return undefined;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
