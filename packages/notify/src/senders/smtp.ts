import type { Socket } from 'node:net';
import { hostname } from 'node:os';
import { channel } from '@holdfast/contract';
import { formatBytes, HoldfastError, isHoldfastError, oneLine } from '@holdfast/core';
import { type Connection, outsideError, outsideTls } from '@holdfast/wire';
import SmtpConnection from 'nodemailer/lib/smtp-connection';
import type { DestinationOf } from '../configuration.ts';
import { answerTimeoutMs, maxAnswerBytes } from '../limits.ts';
import { mimeMail } from './mail.ts';
import { byRole, closedWithin, type Outgoing, type Sender, type SenderContext } from './sender.ts';

type Smtp = DestinationOf<'smtp'>;

/** Mail through a server, on 25 or 587; TLS by STARTTLS (RFC 3207). nodemailer speaks SMTP within a connection of wire. */
export function smtpSender(smtp: Smtp, context: SenderContext): Sender {
  const port = smtp.port ?? (smtp.user === undefined ? 25 : 587);
  const along = byRole(context.role, {
    server: 'server-to-smtp',
    windows: port === 587 ? 'agent-to-smtp-submission' : 'agent-to-smtp',
    posix: 'posix-agent-to-smtp',
  });
  const place = `The mail server ${smtp.host}:${port}`;

  /** One mail. Resolves when the server has taken it, with what ends the conversation politely. */
  async function converse(connection: Connection, outgoing: Outgoing, signal: AbortSignal): Promise<() => void> {
    const to = outgoing.recipient ?? '';
    const { timeZone, clock } = context;
    const mime = await mimeMail(outgoing, { from: smtp.from, to, timeZone, now: clock.now() });
    const caPem = smtp.caFile === undefined ? undefined : await context.readFile(smtp.caFile);
    const password = smtp.passwordFile === undefined ? undefined : await context.readFile(smtp.passwordFile);
    const client = new SmtpConnection({
      // What `dialOutside` gives without TLS is a TCP socket; nodemailer begins TLS in it.
      connection: connection.stream as Socket,
      host: smtp.host,
      port,
      name: hostname(),
      requireTLS: smtp.encryption === 'required',
      ignoreTLS: smtp.encryption === 'none',
      tls: outsideTls(smtp.host, caPem),
      connectionTimeout: answerTimeoutMs,
      greetingTimeout: answerTimeoutMs,
      socketTimeout: answerTimeoutMs,
      maxResponseSize: maxAnswerBytes,
      logger: false,
    });
    const failed = Promise.withResolvers<never>();
    // Heard of by the step that is under way, if any.
    void Promise.allSettled([failed.promise]);
    client.on('error', failed.reject);
    client.on('end', () => failed.reject(new Error('the conversation was ended')));
    const onAbort = (): void => failed.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const step = (run: (done: (error?: Error | null) => void) => void): Promise<void> =>
      Promise.race([
        new Promise<void>((resolve, reject) => run((error) => (error ? reject(error) : resolve()))),
        failed.promise,
      ]);
    try {
      await step((done) => client.connect(done));
      if (smtp.user !== undefined && password !== undefined) {
        const credentials = { user: smtp.user, pass: password };
        await step((done) => client.login({ credentials }, done));
      }
      const envelope = { from: smtp.from, to: [to], size: mime.length };
      await step((done) => client.send(envelope, mime, done));
      return () => {
        client.quit();
        client.close();
      };
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  function explained(error: unknown, to: string): unknown {
    if (isHoldfastError(error)) return error;
    const { code, cause, answer, status, command, sizeProblem } = smtpFailure(error);
    const said = answer === '' ? '' : ` It says: ${answer}`;
    const about = { host: smtp.host, port, ...(status === undefined ? {} : { status }) };
    const temporary = status !== undefined && status >= 400 && status < 500;
    if (code === 'EAUTH' && !temporary)
      return new HoldfastError('notify.sign-in', {
        message: `${place} did not accept the user ${smtp.user} and the password.${said}`,
        guidance: 'Correct `user` and the password file; some services want a password made for programs.',
        context: about,
        cause: error,
      });
    if (smtp.encryption === 'required' && command === 'STARTTLS' && status !== undefined)
      return new HoldfastError('notify.protection', {
        message: `${place} does not offer STARTTLS, so nothing was sent.${said}`,
        context: about,
        cause: error,
      });
    const what = whatIsRefused(command, { from: smtp.from, to, sizeProblem });
    if (sizeProblem !== undefined || (status !== undefined && status >= 400)) {
      const isFinal = what !== undefined && !temporary;
      return new HoldfastError(isFinal ? 'notify.refused' : 'notify.deferred', {
        message: `${place} ${isFinal ? 'refuses' : 'puts off'} ${what ?? 'every mail'}.${said}`,
        context: about,
        cause: error,
      });
    }
    const ends = { channel: channel(along), from: `${context.role} on ${hostname()}`, host: smtp.host, port };
    return outsideError(Object.assign(new Error(String(error)), { code: cause }), 'open', ends);
  }

  return {
    send: async (outgoing, signal) => {
      try {
        const connection = await context.wire.dialOutside(along, smtp.host, { port, signal });
        try {
          const quit = await converse(connection, outgoing, signal);
          quit();
          await closedWithin(connection, context.clock);
        } finally {
          connection.stream.destroy();
        }
      } catch (error) {
        signal.throwIfAborted();
        throw explained(error, outgoing.recipient ?? '');
      }
    },
  };
}

/** What nodemailer's errors say: it gives them a code of its own, and keeps that of the system beside it. */
function smtpFailure(error: unknown) {
  const field = (name: string): unknown =>
    typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined;
  const text = (name: string): string => {
    const value = field(name);
    return typeof value === 'string' ? oneLine(value).slice(0, 500) : '';
  };
  const status = field('responseCode');
  const allowedBytes = /larger than allowed (\d+)/.exec(text('message'))?.[1];
  return {
    code: text('code'),
    cause: text('originalCode') || text('code'),
    answer: text('response'),
    command: text('command'),
    status: typeof status === 'number' ? status : undefined,
    // The size that the server announced is held against the mail before anything is sent.
    sizeProblem: allowedBytes && `the mail: it is larger than the ${formatBytes(Number(allowedBytes))} that it takes`,
  };
}

/** Undefined for what a server says before it has heard of the mail: that is of the server, and of the moment. */
function whatIsRefused(
  command: string,
  { from, to, sizeProblem }: { readonly from: string; readonly to: string; readonly sizeProblem: string | undefined },
): string | undefined {
  if (sizeProblem !== undefined) return sizeProblem;
  if (command === 'RCPT TO') return `the recipient ${to}`;
  if (command === 'MAIL FROM') return `mails from ${from}`;
  return command === 'DATA' ? 'the mail' : undefined;
}
