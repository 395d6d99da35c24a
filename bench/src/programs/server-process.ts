import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { keptOutputCharacters, serverStartLimitMs, serverStopLimitMs } from '../limits.ts';
import type { Command } from '../measure/run-command.ts';
import { ProgramFailure } from '../program-failure.ts';

/** A server that runs while commands are measured. */
export interface ServerProcess {
  readonly pid: number;
  /** What matched the text that it was waited for. */
  readonly ready: RegExpExecArray;
  stop(): Promise<void>;
}

/** Starts it and waits until it prints what `ready` matches. Rejects with what it said when it does not. */
export async function startServer(command: Command, ready: RegExp, signal: AbortSignal): Promise<ServerProcess> {
  const child = spawn(command.file, command.args, { env: command.env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const ended = Promise.withResolvers<never>();
  const started = Promise.withResolvers<RegExpExecArray>();
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-keptOutputCharacters);
      const found = ready.exec(output);
      if (found) started.resolve(found);
    });
  const failed = (how: string): ProgramFailure =>
    new ProgramFailure('failed', `${command.file} ${command.args.join(' ')} ${how}: ${output}`);
  child.once('error', ended.reject);
  child.once('exit', (status) => ended.reject(failed(`ended with ${status ?? 'a signal'}`)));
  ended.promise.catch(() => {
    // After the start nobody waits for it any more: a client that finds no server fails by itself.
  });
  const late = AbortSignal.any([signal, AbortSignal.timeout(serverStartLimitMs)]);
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), serverStopLimitMs);
    await once(child, 'exit');
    clearTimeout(timer);
  };
  try {
    const tooLate = Promise.withResolvers<never>();
    late.addEventListener('abort', () => tooLate.reject(failed('was not ready in time')), { once: true });
    const match = await Promise.race([started.promise, ended.promise, tooLate.promise]);
    const { pid } = child;
    if (pid === undefined) throw failed('has no process');
    return { pid, ready: match, stop };
  } catch (error) {
    await stop();
    signal.throwIfAborted();
    throw error;
  }
}
