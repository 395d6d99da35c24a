import { HoldfastError } from '@holdfast/core';

/** What needs a process that opens the repository for the server: there is none yet, and the server itself never does. */
export function refuseWithoutExecutor(command: string): never {
  throw new HoldfastError('usage.option', {
    message: `\`holdfast ${command}\` without --repo would need an executor that opens the repository for the server, which is not built yet.`,
    guidance: `Open the repository yourself: \`holdfast repo grant NAME --mode read --with-password --out FOLDER\`, then \`. FOLDER/environment\` and \`holdfast ${command} …\`.`,
  });
}
