import { HoldfastError } from '@holdfast/core';

/** What these commands don't ask the server for; it has the executor beside the repository answer over the REST API. */
export function refuseWithoutExecutor(command: string): never {
  throw new HoldfastError('usage.option', {
    message: `\`holdfast ${command}\` without --repo would need the server's executor, which this command does not use yet.`,
    guidance: `\`holdfast repo maintain\` checks and tidies a repository by the server. Else open it yourself: \`holdfast grant create NAME --for-restic --out FOLDER\`, then \`. FOLDER/environment\` and \`holdfast ${command} …\`.`,
  });
}
