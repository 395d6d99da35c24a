import { HoldfastError } from '@holdfast/core';

/** Longer input is no password that a person types. */
const maxPasswordBytes = 4096;
const [enter, newLine, backspace, erase, interrupt, endOfInput, eraseLine] = [
  '\r',
  '\n',
  '\x7f',
  '\b',
  '\x03',
  '\x04',
  '\x15',
];

/** Whether a person can be asked. */
export function canPrompt(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** Asks for a password on the terminal; nothing of it is shown. Ctrl-C is `run.cancelled`. */
export async function promptPassword(question: string, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const { stdin, stderr } = process;
  // Before the question: what is typed at once must not be shown either.
  stdin.setRawMode(true);
  stderr.write(question);
  stdin.setEncoding('utf8');
  stdin.resume();
  try {
    return await new Promise<string>((resolve, reject) => {
      let typed: string[] = [];
      const settle = (act: () => void): void => {
        stdin.off('data', onData);
        stdin.off('end', onEnd);
        signal.removeEventListener('abort', onAbort);
        act();
      };
      const onEnd = (): void => settle(() => reject(cancelled()));
      const onAbort = (): void => settle(() => reject(signal.reason));
      const onData = (text: string): void => {
        for (const char of text) {
          if (char === enter || char === newLine) return settle(() => resolve(typed.join('')));
          if (char === interrupt || (char === endOfInput && typed.length === 0))
            return settle(() => reject(cancelled()));
          if (char === backspace || char === erase) typed.pop();
          else if (char === eraseLine) typed = [];
          else if (char >= ' ' && typed.length < maxPasswordBytes) typed.push(char);
        }
      };
      stdin.on('data', onData);
      stdin.on('end', onEnd);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write('\n');
  }
}

function cancelled(): HoldfastError {
  return new HoldfastError('run.cancelled', { message: 'No password was typed.' });
}
