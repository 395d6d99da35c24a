import type { Command } from 'commander';

/** `holdfast ports`: the contract, for people and for machines. */
export function registerPorts(program: Command): void {
  const ports = program
    .command('ports')
    .description('the network contract: who connects to whom, on which port, for what');

  ports
    .command('list')
    .description('the channels: every connection that Holdfast makes or accepts')
    .option('--role <role>', 'only the channels of a role, to or from it, for example agent-linux')
    .option('--json', 'a JSON array, one entry a line')
    .action(async ({ role, json }: { role?: string; json?: boolean }) => {
      const { listChannels, renderChannelTable, renderJsonLines } = await import('@holdfast/contract');
      process.stdout.write(
        json
          ? renderJsonLines(listChannels(role))
          : renderChannelTable({ ...width(), ...(role === undefined ? {} : { role }) }),
      );
    });

  ports
    .command('rows')
    .description('the rows of the port documents that the contract covers, and whether each is live')
    .option('--json', 'a JSON array, one entry a line')
    .action(async ({ json }: { json?: boolean }) => {
      const { listRows, renderJsonLines, renderRowTable } = await import('@holdfast/contract');
      process.stdout.write(json ? renderJsonLines(listRows()) : renderRowTable());
    });
}

function width(): { readonly columns?: number } {
  return process.stdout.columns ? { columns: process.stdout.columns } : {};
}
