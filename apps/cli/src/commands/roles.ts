import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { HoldfastError, productVersion } from '@holdfast/core';
import { type EnrollableRole, enrolComputer } from '@holdfast/protocol';
import { createWire } from '@holdfast/wire';
import { type Command, Option } from 'commander';
import type { z } from 'zod';
import { defaultDataDirectory, resolvePath } from '../data-directory.ts';
import { createLogger } from '../log.ts';
import { serveRole } from '../serve-role.ts';
import { readConfiguration } from './configuration.ts';

interface RoleOptions {
  readonly data?: string;
  readonly config?: string;
}

/** `holdfast server`, `mover`, `agent`: each role as a service; `holdfast enroll` joins a computer to a server. */
export function registerRoles(program: Command): void {
  roleCommand(program, 'server', 'the backup server: catalogue, CA, jobs and the REST API').action(
    async (options: RoleOptions) => {
      const { serverConfigSchema, startServer } = await import('@holdfast/server');
    const config = await configuration(serverConfigSchema, options);
      await serveRole(async () => {
        const server = await startServer({
          dataDir: dataOf(options, 'server'),
          config,
          logger: createLogger('server', config.logLevel),
        });
        return withDetails(server, { listening: server.listening });
      });
    },
  );

  roleCommand(program, 'mover', 'the data mover of this computer: repositories, sessions and data channels').action(
    async (options: RoleOptions) => {
      const { moverConfigSchema, startMover } = await import('@holdfast/mover');
    const config = await configuration(moverConfigSchema, options);
      await serveRole(async () => {
        const mover = await startMover({ dataDir: dataOf(options, 'mover'), config, logger: createLogger('mover') });
        const listening = [
          { channel: 'server-to-mover', host: config.bind, port: mover.port, reason: mover.portReason },
        ];
        return withDetails(mover, { id: mover.id, listening });
      });
    },
  );

  roleCommand(program, 'agent', 'the agent of this computer: runs backups and restores').action(
    async (options: RoleOptions) => {
      const { agentConfigSchema, startAgent } = await import('@holdfast/agent');
    const config = await configuration(agentConfigSchema, options);
      await serveRole(async () => {
        const agent = await startAgent({
          dataDir: dataOf(options, 'agent'),
          config,
          logger: createLogger('agent', config.logLevel),
        });
        return withDetails(agent, { id: agent.id, listening: [] });
      });
    },
  );

  program
    .command('enroll')
    .description('join this computer to a backup server with a one-time token')
    .addOption(
      new Option('--role <role>', 'what this computer joins as').choices(['agent', 'mover']).makeOptionMandatory(),
    )
    .requiredOption('--server <host[:port]>', 'the backup server; port 10006 (Windows agents: 10005) unless given')
    .requiredOption(
      '--ca-fingerprint <sha256:…>',
      "the server's CA, as `holdfast token create` printed it; compared before the token is sent",
    )
    .requiredOption('--token-file <file>', 'file that holds the join token; - reads it from standard input')
    .option('--address <address>', 'where others reach this computer, if not at the address it connects from')
    .option('--data <directory>', `where the role keeps its identity (default: ${defaultDataDirectory()}/<role>)`)
    .action(async (options: EnrollOptions) => enroll(options));
}

interface EnrollOptions {
  readonly role: EnrollableRole;
  readonly server: string;
  readonly caFingerprint: string;
  readonly tokenFile: string;
  readonly address?: string;
  readonly data?: string;
}

async function enroll(options: EnrollOptions): Promise<void> {
  const windowsAgent = process.platform === 'win32' && options.role === 'agent';
  await using wire = createWire({ role: options.role === 'mover' ? 'data-mover' : 'agent-linux', bind: '127.0.0.1' });
  const identity = await enrolComputer({
    dataDir: dataOf(options, options.role),
    wire,
    channel: windowsAgent ? 'windows-enrolment' : 'enrolment',
    server: parseServer(options.server),
    token: (options.tokenFile === '-'
      ? await text(process.stdin)
      : await readFile(resolvePath(options.tokenFile), 'utf8')
    ).trim(),
    caFingerprint: options.caFingerprint,
    role: options.role,
    productVersion,
    address: options.address,
  });
  process.stdout.write(`Enrolled as ${identity.role} ${identity.id}.\n`);
}

/** `host`, `host:port`, `[v6]:port`. */
function parseServer(value: string): { host: string; port?: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(value);
  const host = match?.[1] ?? match?.[2];
  if (!host) throw new HoldfastError('usage.option', { message: `${value} is no host or host:port.` });
  return match?.[3] === undefined ? { host } : { host, port: Number(match[3]) };
}

function roleCommand(program: Command, role: string, description: string): Command {
  return program
    .command(role)
    .description(description)
    .option('--config <file>', 'configuration, JSON or YAML')
    .option('--data <directory>', `where it keeps its state (default: ${defaultDataDirectory()}/${role})`);
}

function dataOf(options: RoleOptions, role: string): string {
  return options.data === undefined ? join(defaultDataDirectory(), role) : resolvePath(options.data);
}

/** The checked configuration of a role. Throws `usage.configuration` that names each wrong key. */
async function configuration<Schema extends z.ZodType>(
  schema: Schema,
  options: RoleOptions,
): Promise<z.output<Schema>> {
  const parsed = schema.safeParse(await readConfiguration(options.config));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues
    .slice(0, 10)
    .map((issue) => `${issue.path.join('.') || '(file)'}: ${issue.message}`);
  throw new HoldfastError('usage.configuration', {
    message: `${options.config ?? 'The configuration'} is not valid: ${problems.join('; ')}.`,
  });
}

function withDetails(role: AsyncDisposable, details: Readonly<Record<string, unknown>>) {
  return { details, [Symbol.asyncDispose]: () => role[Symbol.asyncDispose]() };
}
