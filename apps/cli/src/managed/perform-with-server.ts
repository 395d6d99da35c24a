import type { ExitStatus } from '@holdfast/core';
import type { RestClient } from '@holdfast/protocol';
import { perform, type Work } from '../work.ts';
import type { ServerOptions } from './server-options.ts';

export interface ServerWork extends Work {
  readonly client: RestClient;
}

/** Runs a command that talks to the backup server. */
export function performWithServer(
  options: ServerOptions,
  run: (work: ServerWork) => Promise<ExitStatus>,
): Promise<void> {
  return perform(options, async (work) => {
    const { connectServer } = await import('./server-connection.ts');
    return run({ ...work, client: await connectServer(options, work.resources) });
  });
}
