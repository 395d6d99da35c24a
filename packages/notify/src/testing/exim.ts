import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { requireProgram } from '@holdfast/core/testing';

/** A real mail server: exim, with STARTTLS, AUTH within TLS, a recipient that it does not know and one that it puts off. */
export interface Exim extends AsyncDisposable {
  /** What was delivered, in mbox form. It delivers after it has answered: so many mails are waited for. */
  readonly inbox: (mails: number) => Promise<string>;
  /** Its log. */
  readonly log: () => string;
  /** From now on the recipient `greylisted@…` is taken. */
  readonly endGreylisting: () => void;
}

export interface EximOptions {
  readonly address: string;
  readonly ports: readonly number[];
  /** None: it offers no STARTTLS. */
  readonly tls?: { readonly certificatePem: string; readonly privateKeyPem: string } | undefined;
  /** Only mails of those who signed in are taken. */
  readonly authRequired?: boolean;
  readonly maxMailBytes?: number;
  /** Starts it elsewhere, such as in a network namespace. */
  readonly start?: (program: string, args: readonly string[]) => ReturnType<typeof spawn>;
}

export const mailUser = 'backup';
export const mailPassword = 'a-mail-password';
const waitLimitMs = 60_000;

/** Needs root: exim changes its user. */
export async function startExim(o: EximOptions): Promise<Exim> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-exim-'));
  // It works as a user of its own.
  for (const name of ['.', 'spool', 'mail']) {
    mkdirSync(join(folder, name), { recursive: true });
    chmodSync(join(folder, name), 0o777);
  }
  if (o.tls) {
    writeFileSync(join(folder, 'cert.pem'), o.tls.certificatePem);
    writeFileSync(join(folder, 'key.pem'), o.tls.privateKeyPem);
  }
  const configuration = join(folder, 'exim.conf');
  // It refuses a configuration that others may write.
  writeFileSync(configuration, eximConfiguration(folder, o), { mode: 0o644 });
  const args = ['-C', configuration, '-bdf'];
  const program = requireProgram('exim4').path;
  const child = o.start?.(program, args) ?? spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const text = (name: string): string => {
    const path = join(folder, name);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  };
  const log = (): string => `${text('mainlog')}${text('rejectlog')}${text('paniclog')}`;
  const until = async (what: string, holds: () => boolean): Promise<void> => {
    const endMs = Date.now() + waitLimitMs;
    while (!holds()) {
      if (child.exitCode !== null || Date.now() > endMs) throw new Error(`exim: ${what} in vain: ${said}${log()}`);
      await delay(20);
    }
  };
  await until('waited for its start', () => text('mainlog').includes('daemon started'));
  return {
    inbox: async (mails) => {
      // The log's line is the last thing that it does for a mail.
      const completed = (): number => text('mainlog').match(/ Completed$/gm)?.length ?? 0;
      await until(`waited for ${mails} mails`, () => completed() >= mails);
      return text('mail/inbox');
    },
    log,
    endGreylisting: () => writeFileSync(join(folder, 'let-pass'), ''),
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await ended;
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

function eximConfiguration(folder: string, o: EximOptions): string {
  return `exim_path = ${requireProgram('exim4').path}
primary_hostname = mx.example.com
spool_directory = ${folder}/spool
log_file_path = ${folder}/%slog
log_selector = +incoming_interface
pid_file_path = ${folder}/exim.pid
local_interfaces = ${o.address}
daemon_smtp_ports = ${o.ports.join(' : ')}
${
  o.tls
    ? `tls_advertise_hosts = *
tls_certificate = ${folder}/cert.pem
tls_privatekey = ${folder}/key.pem`
    : 'tls_advertise_hosts ='
}
auth_advertise_hosts = \${if eq{$tls_in_cipher}{}{}{*}}
host_lookup =
rfc1413_query_timeout = 0s
keep_environment =
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
message_size_limit = ${o.maxMailBytes ?? 20_000_000}
begin acl
rcpt:
  deny local_parts = nobody
       message = no such user here
  defer local_parts = greylisted
        condition = \${if exists{${folder}/let-pass}{no}{yes}}
        message = greylisted, try again later
  accept authenticated = *
  ${o.authRequired ? 'deny message = sign in first' : 'accept'}
begin routers
all:
  driver = accept
  transport = file
begin transports
file:
  driver = appendfile
  file = ${folder}/mail/inbox
  user = Debian-exim
  create_file = anywhere
begin retry
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${if and{{eq{$auth2}{${mailUser}}}{eq{$auth3}{${mailPassword}}}}}
  server_set_id = $auth2
`;
}
