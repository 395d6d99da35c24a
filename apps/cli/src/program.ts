import { setFlagsFromString } from 'node:v8';
import { exitStatus, toHoldfastError } from '@holdfast/core';
import { CommanderError } from 'commander';
import { inOrder } from './argument-order.ts';
import { type CommandFile, commandGroups, createProgram } from './command-table.ts';
import { outliveReaders, readerGone } from './output.ts';
import { errorText } from './terminal.ts';

// Only what was asked for is loaded, which is half of the time of starting; for help, and for what nobody knows, everything.
const args = inOrder(process.argv.slice(2));
const [asked = ''] = args;

// The young generation stays as small as it begins. V8 would let it grow to 32 MiB in every process; what a backup, or a mover,
// makes there for a moment is mostly gone after one, and what lives on lives long. Buffers of the network are freed sooner, too.
// What a server makes lives as long as a run takes to begin: with a thousand of them it would all be in the old generation.
if (asked !== 'server') setFlagsFromString('--semi-space-growth-factor=1');
const isAsked = ({ names }: CommandFile): boolean => names.includes(asked);
const file = Object.values(commandGroups).flat().find(isAsked);
outliveReaders({ onlyPrints: file === undefined || file.onlyPrint === true });
const isAlone = ['-V', '--version'].includes(asked) || file !== undefined;
const program = await createProgram((one) => !isAlone || isAsked(one));

try {
  await program.parseAsync(args, { from: 'user' });
} catch (error) {
  process.exitCode = readerGone.aborted ? exitStatus.success : report(error);
}

/** Tells the person, or with --json the machine, what went wrong; gives the exit status. */
function report(error: unknown): number {
  // Commander has printed its own message already; help and version are no failures.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitStatus.success : exitStatus.usage;
  const known = toHoldfastError(error);
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify({ error: known.toJSON() })}\n`);
  else process.stderr.write(errorText(known));
  return known.entry.exit;
}
