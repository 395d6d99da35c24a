import { HoldfastError } from '@holdfast/core';

/** This very program does tasks in repositories, in processes of their own: `holdfast execute`. */
export function ownExecutor(): { readonly file: string; readonly arguments: readonly string[] } {
  const [, main] = process.argv;
  if (main === undefined)
    throw new HoldfastError('internal.unexpected', { message: 'The command does not know its own file.' });
  return { file: process.execPath, arguments: [main, 'execute'] };
}
