import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { requireProgram, temporaryFolder } from '@holdfast/core/testing';
import { initRepository } from '@holdfast/repository';
import { openLocalDisk } from '@holdfast/storage';
import { type CliResult, runCli, runProgram } from './run-cli.ts';

/** Repositories in folders, and both programs on them with the same password. For the whole test file. */
export interface StandAloneFixture {
  readonly folder: string;
  readonly passwordFile: string;
  /** A new repository without the seconds that a good key derivation takes. Gives its folder. */
  freshRepository(name: string): Promise<string>;
  /** Runs a command of ours on a repository: `holdfast('key list', repository, '--json')`. */
  holdfast(command: string, repository: string, ...args: string[]): Promise<CliResult>;
  /** Runs restic on a repository, whatever comes of it. */
  tryRestic(repository: string, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<CliResult>;
  /** Runs restic, which must succeed; gives its standard output. */
  restic(repository: string, ...args: string[]): Promise<string>;
}

export const fixturePassword = 'correct horse';

export function standAloneFixture(): StandAloneFixture {
  const folder = temporaryFolder({ after });
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, `${fixturePassword}\n`);
  chmodSync(folder, 0o755);
  const tryRestic: StandAloneFixture['tryRestic'] = (repository, args, env = {}) =>
    runProgram(requireProgram('restic').path, ['-r', repository, ...args], {
      env: { RESTIC_PASSWORD: fixturePassword, RESTIC_CACHE_DIR: join(folder, 'cache'), ...env },
    });
  return {
    folder,
    passwordFile,
    tryRestic,
    freshRepository: async (name) => {
      const path = join(folder, name);
      await using target = await openLocalDisk({ path, create: true });
      await initRepository(target, { password: fixturePassword, keyOptions: { cost: { N: 1024, r: 8, p: 1 } } });
      return path;
    },
    holdfast: (command, repository, ...args) =>
      runCli([...command.split(' '), '--repo', repository, '--password-file', passwordFile, ...args]),
    restic: async (repository, ...args) => {
      const { status, stdout, stderr } = await tryRestic(repository, args);
      assert.equal(status, 0, `restic ${args.join(' ')}: ${stdout}${stderr}`);
      return stdout;
    },
  };
}
