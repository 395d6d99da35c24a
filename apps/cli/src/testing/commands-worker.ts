import { toHoldfastError } from '@holdfast/core';
import { inOrder } from '../argument-order.ts';
import { createProgram } from '../command-table.ts';
import { errorText } from '../terminal.ts';

/** Runs several commands one after another in one process, until one fails: starting a process for each takes longer than what they do. */
for (const args of JSON.parse(process.argv[2] ?? '[]') as string[][]) {
  try {
    await (await createProgram()).parseAsync(inOrder(args), { from: 'user' });
  } catch (error) {
    process.stderr.write(errorText(toHoldfastError(error)));
    process.exitCode = 1;
  }
  if (process.exitCode === undefined || process.exitCode === 0) continue;
  process.stderr.write(`failed: ${args.join(' ')}\n`);
  break;
}
