import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { type ExitStatus, errnoOf, exitStatus, formatBytes, HoldfastError } from '@holdfast/core';
import { type CallArguments, type ListedReceipt, ReceiptVerifier, type Routes } from '@holdfast/protocol';
import { type Command, Option } from 'commander';
import { resolvePath } from '../data-directory.ts';
import { chooseComputer, chooseRepository } from '../managed/names.ts';
import { performWithServer, type ServerWork } from '../managed/perform-with-server.ts';
import { readPublishedKeys } from '../managed/published-keys.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { wholeNumber } from '../option-values.ts';
import { counted, print, printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';
import { perform } from '../work.ts';

interface FilterOptions extends ServerOptions {
  readonly repository?: string;
  readonly computer?: string;
  readonly outcome?: 'good' | 'failed';
}

interface VerifyOptions {
  readonly keys: string;
  readonly expect?: string;
  readonly from: number;
  readonly json?: boolean;
}

type Query = NonNullable<CallArguments<Routes['receipts']>['query']>;

const pageReceipts = 200;

/** `holdfast receipt`: what restore drills showed, signed. */
export function registerReceipt(program: Command): void {
  const receipts = program
    .command('receipt')
    .description('signed receipts of restore drills, each chained to the one before');

  addServerOptions(receipts.command('list', { isDefault: true }).description('receipts, newest first'))
    .option('--repository <name>', 'only of this one')
    .option('--computer <name>', 'only of this one')
    .addOption(new Option('--outcome <outcome>', 'only these').choices(['good', 'failed']))
    .option('--limit <n>', 'so many', wholeNumber(1, 1000), 50)
    .addHelpText('after', `\nExample:\n  $ holdfast receipt list --outcome failed\n${serverHelp}`)
    .action((options: FilterOptions & { readonly limit: number }) =>
      performWithServer(options, (work) => list(options, work)),
    );

  addServerOptions(
    receipts.command('export').description('all receipts, oldest first, a line each, to standard output'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast receipt export > receipts.jws\n${serverHelp}`)
    .action((options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        for (let after: string | undefined; ; ) {
          const query: Query = { order: 'oldest', limit: pageReceipts, after };
          const page = await client.call('receipts', { query, signal });
          for (const { jws } of page.receipts) await print(`${jws}\n`);
          if (page.next === undefined) return exitStatus.success;
          after = page.next;
        }
      }),
    );

  receipts
    .command('verify')
    .description('check exported receipts, without a server: signatures, and that none is missing, changed or put in')
    .argument('<file>', 'from `holdfast receipt export`')
    .requiredOption('--keys <file>', 'the keys of the server, as `holdfast status --json` printed them')
    .option('--expect <number:hash>', 'a head that was printed before: the chain must still lead through it')
    .option('--from <number>', 'the number of the first receipt, where not all are given', wholeNumber(1, 1e9), 1)
    .option('--json', 'print the answer as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast status --json > keys.json          at the server, kept in a safe place
  $ holdfast receipt verify receipts.jws --keys keys.json --expect 12:9f86d081…

Every receipt holds the hash of the one before. What was cut off at the end shows only with a head from before: keep the one
that this command prints somewhere else.

Exit status: ${exitStatus.success} all fit; ${exitStatus.failed} not, and the code says why: receipt.key (another key or installation), receipt.changed, receipt.missing, receipt.broken (the
chain); ${exitStatus.usage} a file could not be read.
`,
    )
    .action((file: string, options: VerifyOptions) => perform(options, () => verify(file, options)));
}

async function list(
  options: FilterOptions & { readonly limit: number },
  { client, signal }: ServerWork,
): Promise<ExitStatus> {
  const { repository, computer, outcome, limit } = options;
  const query: Query = {
    limit,
    outcome,
    ...(repository === undefined
      ? {}
      : { repositoryId: (await chooseRepository(client, { text: repository, signal })).id }),
    ...(computer === undefined
      ? {}
      : { agentId: (await chooseComputer(client, { text: computer, role: 'agent', signal })).id }),
  };
  const { receipts } = await client.call('receipts', { query, signal });
  if (options.json) {
    await printJson({ kind: 'receipts', receipts });
    return exitStatus.success;
  }
  const heading = ['No.', 'Time', 'Computer', 'Repository', 'Snapshot', 'Outcome', 'What'];
  await printText(table([heading, ...receipts.map(rowOf)], { right: [0] }));
  return exitStatus.success;
}

function rowOf({ number, drill }: ListedReceipt): string[] {
  const { result, error } = drill;
  return [
    String(number),
    shownTime(drill.endedAt),
    drill.hostname,
    drill.repository,
    drill.snapshotId.slice(0, 8),
    drill.outcome,
    result
      ? `${counted(result.files, 'file')}, ${formatBytes(result.bytes)}, ${result.coverage}`
      : (error?.message ?? ''),
  ];
}

async function verify(file: string, options: VerifyOptions): Promise<ExitStatus> {
  const { installation, identityKeys } = await readPublishedKeys(options.keys);
  const verifier = new ReceiptVerifier({ installation, keys: identityKeys, first: options.from });
  const outcomes = { good: 0, failed: 0 };
  let isMet = options.expect === undefined;
  for await (const jws of linesOf(file)) {
    const { drill } = await verifier.add(jws);
    outcomes[drill.outcome] += 1;
    isMet ||= `${verifier.head.number}:${verifier.head.hash}` === options.expect;
  }
  const { head, count } = verifier;
  if (!isMet)
    throw new HoldfastError('receipt.missing', {
      message: `The chain does not lead through ${options.expect}: what was there then is not there now. It ends at ${head.number}.`,
    });
  if (options.json) await printJson({ kind: 'receipts-verified', installation, receipts: count, ...outcomes, head });
  else
    await printText(
      `${counted(count, 'receipt')} of installation ${installation}: all signed, none missing or changed. ${outcomes.good} good, ${outcomes.failed} failed.\nThe head: ${head.number}:${head.hash}\n`,
    );
  return exitStatus.success;
}

async function* linesOf(file: string): AsyncGenerator<string> {
  try {
    for await (const line of createInterface({ input: createReadStream(resolvePath(file)) }))
      if (line !== '') yield line;
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    throw new HoldfastError('usage.option', {
      message: `${file} could not be read (${errnoOf(error) ?? String(error)}).`,
      cause: error,
    });
  }
}
