import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { type ExitStatus, errnoOf, exitStatus, HoldfastError } from '@holdfast/core';
import {
  type AuditRecord,
  AuditVerifier,
  auditOutcome,
  auditRecord,
  type CallArguments,
  localTenant,
  type Routes,
} from '@holdfast/protocol';
import { type Command, Option } from 'commander';
import { resolvePath } from '../data-directory.ts';
import { performWithServer, type ServerWork } from '../managed/perform-with-server.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { wholeNumber } from '../option-values.ts';
import { counted, print, printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';
import { perform } from '../work.ts';
import { registerAuditSyslog } from './audit-syslog.ts';

interface FilterOptions extends ServerOptions {
  readonly actor?: string;
  readonly action?: string;
  readonly subject?: string;
  readonly outcome?: AuditRecord['outcome'];
  readonly since?: string;
  readonly until?: string;
}

type Query = NonNullable<CallArguments<Routes['audit']>['query']>;

const pageRecords = 1000;

/** `holdfast audit`: who did what, and whether the record of it is whole. */
export function registerAudit(program: Command): void {
  const audit = program.command('audit').description('who did what; a chain of records that nobody changes unnoticed');

  filtered(addServerOptions(audit.command('list', { isDefault: true }).description('records, newest first')))
    .option('--limit <n>', 'so many records', wholeNumber(1, 1000), 100)
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast audit --limit 20\n  $ holdfast audit list --outcome refused --since 2026-11-01\n${serverHelp}`,
    )
    .action((options: FilterOptions & { readonly limit: number }) =>
      performWithServer(options, (work) => showAudit(options, work)),
    );

  filtered(addServerOptions(audit.command('export').description('all records, oldest first, to standard output')))
    .addOption(
      new Option('--format <format>', 'JSON lines, which can be verified later, or CSV')
        .choices(['jsonl', 'csv'])
        .default('jsonl'),
    )
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast audit export > audit.jsonl\n  $ holdfast audit export --format csv > audit.csv\n${serverHelp}`,
    )
    .action((options: FilterOptions & { readonly format: 'jsonl' | 'csv' }) =>
      performWithServer(options, async (work) => {
        if (options.format === 'csv') await print(`${csvLine(csvColumns)}\n`);
        for await (const record of allRecords(options, work))
          await print(`${options.format === 'csv' ? csvLine(csvCells(record)) : JSON.stringify(record)}\n`);
        return exitStatus.success;
      }),
    );

  addServerOptions(
    audit
      .command('verify')
      .description('check the chain: of the server, or of an export, which needs no server')
      .argument('[file]', 'JSON lines of `holdfast audit export` without filters'),
  )
    .option('--expect <number:hash>', 'a head that was printed before: the chain must still lead through it')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast audit verify
  $ holdfast audit verify audit.jsonl --expect 1234:9f86d081…

Every record holds the hash of the one before. What was cut off at the end shows only with a head from before: keep the one
that this command prints somewhere else.
${serverHelp}`,
    )
    .action((file: string | undefined, options: ServerOptions & { readonly expect?: string }) =>
      file === undefined
        ? performWithServer(options, (work) => verify(allRecords({}, work), options))
        : perform(options, () => verify(recordsOf(resolvePath(file)), options)),
    );

  registerAuditSyslog(audit);
}

function filtered(command: Command): Command {
  return command
    .option('--actor <who>', 'only of this one: user/alice, local-administrator')
    .option('--action <name>', 'only this action')
    .option('--subject <id>', 'only what was done to this')
    .addOption(new Option('--outcome <outcome>', 'only these').choices(auditOutcome.options))
    .option('--since <time>', 'from this time on')
    .option('--until <time>', 'before this time');
}

function queryOf(options: FilterOptions): Query {
  const { actor, action, subject, outcome } = options;
  const time = (text: string | undefined): string | undefined => {
    if (text === undefined) return undefined;
    const date = new Date(text);
    if (!Number.isNaN(date.getTime())) return date.toISOString();
    throw new HoldfastError('usage.option', { message: `${text} is no time; give one such as 2026-11-21T10:00.` });
  };
  return { actor, action, subject, outcome, since: time(options.since), until: time(options.until) };
}

async function showAudit(options: FilterOptions & { readonly limit: number }, { client, signal }: ServerWork) {
  const { records } = await client.call('audit', { query: { ...queryOf(options), limit: options.limit }, signal });
  if (options.json) {
    await printJson({ kind: 'audit', records });
    return exitStatus.success;
  }
  const rows = records.map(({ number, at, actor, action, subject, outcome, remoteAddress }) => [
    String(number),
    shownTime(at),
    actor,
    action,
    subject,
    outcome,
    remoteAddress,
  ]);
  await printText(table([['No.', 'Time', 'Who', 'Did', 'To', 'How it ended', 'From'], ...rows], { right: [0] }));
  return exitStatus.success;
}

async function* allRecords(options: FilterOptions, { client, signal }: ServerWork): AsyncGenerator<AuditRecord> {
  for (let after: string | undefined; ; ) {
    const query = { ...queryOf(options), order: 'oldest', limit: pageRecords, after } as const;
    const page = await client.call('audit', { query, signal });
    yield* page.records;
    if (page.next === undefined) return;
    after = page.next;
  }
}

async function* recordsOf(path: string): AsyncGenerator<AuditRecord> {
  let line = 0;
  try {
    for await (const text of createInterface({ input: createReadStream(path) })) {
      line += 1;
      if (text !== '') yield auditRecord.parse(JSON.parse(text));
    }
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    const why = errnoOf(error) === undefined ? `line ${line} is no record of the audit` : String(errnoOf(error));
    throw new HoldfastError('usage.option', { message: `${path}: ${why}.`, cause: error });
  }
}

async function verify(
  records: AsyncIterable<AuditRecord>,
  options: ServerOptions & { readonly expect?: string },
): Promise<ExitStatus> {
  const [, number, hash] = options.expect === undefined ? [] : (headForm.exec(options.expect) ?? refuseHead());
  const verifier = new AuditVerifier(localTenant);
  let isMet = options.expect === undefined;
  for await (const record of records) {
    verifier.add(record);
    if (String(record.number) === number) isMet = record.hash === hash;
  }
  const { head, count } = verifier;
  if (!isMet)
    throw new HoldfastError('audit.broken', {
      message: `The chain does not lead through ${options.expect}: what was there then is not there now. It ends at ${head.number}.`,
    });
  if (options.json) await printJson({ kind: 'audit-verified', records: count, head });
  else await printText(`The chain of ${counted(count, 'record')} is whole. Its head: ${head.number}:${head.hash}\n`);
  return exitStatus.success;
}

/** As `verify` prints it; there is no record 0. */
const headForm = /^([1-9]\d{0,15}):([0-9a-f]{64})$/;

function refuseHead(): never {
  throw new HoldfastError('usage.option', {
    message:
      '--expect takes the number of a record and its hash, as `holdfast audit verify` prints them: 1234:9f86d081…',
  });
}

const csvColumns = [
  'number',
  'at',
  'actor',
  'action',
  'subject',
  'outcome',
  'remoteAddress',
  'requestId',
  'details',
  'hash',
];

function csvCells(record: AuditRecord): string[] {
  const { number, at, actor, action, subject, outcome, remoteAddress, requestId, details, hash } = record;
  return [String(number), at, actor, action, subject, outcome, remoteAddress, requestId, JSON.stringify(details), hash];
}

/** RFC 4180. What a spreadsheet would take for a formula gets an apostrophe before it. */
function csvLine(cells: readonly string[]): string {
  return cells
    .map((cell) => {
      const safe = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
      return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
    })
    .join(',');
}
