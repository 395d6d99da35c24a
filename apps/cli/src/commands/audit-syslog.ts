import { readFile } from 'node:fs/promises';
import { type ExitStatus, errnoOf, exitStatus, HoldfastError } from '@holdfast/core';
import { type CallArguments, parseErrorReport, type Routes } from '@holdfast/protocol';
import { type Command, Option } from 'commander';
import type { z } from 'zod';
import { resolvePath } from '../data-directory.ts';
import { performWithServer } from '../managed/perform-with-server.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { wholeNumber } from '../option-values.ts';
import { print, printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';

type Settings = CallArguments<Routes['setAuditExport']>['body'];
type View = z.output<Routes['auditExport']['response']>;

interface SetOptions extends ServerOptions {
  readonly port?: number;
  readonly udp?: boolean;
  readonly ca?: string;
  readonly facility?: Settings['facility'];
}

/** `holdfast audit syslog`: every record also to a syslog server. */
export function registerAuditSyslog(audit: Command): void {
  const syslog = audit.command('syslog').description('send every record to a syslog server too (RFC 5424)');

  addServerOptions(
    syslog.command('show', { isDefault: true }).description('where the records go, and how far they have got'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast audit syslog\n${serverHelp}`)
    .action((options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) =>
        shown(await client.call('auditExport', { signal }), options),
      ),
    );

  addServerOptions(
    syslog
      .command('set')
      .description('send them there, from the first record on, or from where an export before has got to')
      .argument('<host>', 'name or address of the syslog server'),
  )
    .option('--port <port>', '6514, or 514 with --udp, unless given', wholeNumber(1, 65_535))
    .option('--udp', 'as datagrams, which nothing encrypts or confirms')
    .option('--ca <file>', "the CA (PEM) of the syslog server's certificate, if not one that the backup server trusts")
    .addOption(
      new Option('--facility <name>', 'the facility (default: authpriv)').choices([
        ...['user', 'mail', 'daemon', 'auth', 'authpriv'],
        ...['local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'],
      ]),
    )
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast audit syslog set log.example.com --ca ca.pem\n  $ holdfast audit syslog set 192.0.2.7 --udp --facility local3\n${serverHelp}`,
    )
    .action((host: string, options: SetOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const body: Settings = { host, transport: options.udp ? 'udp' : 'tls' };
        if (options.port !== undefined) body.port = options.port;
        if (options.ca !== undefined) body.caPem = await readCa(options.ca);
        if (options.facility !== undefined) body.facility = options.facility;
        return shown(await client.call('setAuditExport', { body, signal }), options);
      }),
    );

  addServerOptions(syslog.command('off').description('send them nowhere any more'))
    .addHelpText('after', `\nExample:\n  $ holdfast audit syslog off\n${serverHelp}`)
    .action((options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        await client.call('deleteAuditExport', { signal });
        if (options.json) await printJson({ kind: 'audit-export-deleted' });
        else await print('The audit is exported no longer.\n');
        return exitStatus.success;
      }),
    );
}

async function shown(answer: View, options: ServerOptions): Promise<ExitStatus> {
  if (options.json) await printJson({ kind: 'audit-export', ...answer });
  else if (!answer.settings) await print('The audit is not exported. `holdfast audit syslog set HOST` does it.\n');
  else {
    const { host, port, transport, facility } = answer.settings;
    const error = parseErrorReport(answer.error);
    await printText(
      table([
        ['To', `${host}:${port ?? (transport === 'udp' ? 514 : 6514)} (${transport}, ${facility})`],
        ['Sent', `${answer.exported} of ${answer.last} records`],
        ['Last sent', answer.lastSentAt === undefined ? 'never' : shownTime(answer.lastSentAt)],
        ...(error ? [['Error', error.message]] : []),
      ]),
    );
  }
  return answer.error === undefined ? exitStatus.success : exitStatus.failed;
}

async function readCa(path: string): Promise<string> {
  try {
    return await readFile(resolvePath(path), 'utf8');
  } catch (error) {
    throw new HoldfastError('usage.option', {
      message: `The CA file ${path} could not be read (${errnoOf(error) ?? String(error)}).`,
      cause: error,
    });
  }
}
