/**
 * Process entry: thaws a file system when the process that froze it lets go of our standard input, by ending in whatever
 * way, or when the time is over. It touches nothing on that file system.
 */
import { execFileSync } from 'node:child_process';

const [mountPoint, limit] = process.argv.slice(2);
if (mountPoint === undefined || !(Number(limit) > 0)) throw new Error('the guard needs a mount point and a limit');
const thaw = (): never => {
  let status = 0;
  try {
    execFileSync('fsfreeze', ['--unfreeze', mountPoint], { stdio: 'ignore' });
  } catch {
    // It was thawed already, as it should be.
    status = 1;
  }
  process.exit(status);
};
// Ctrl-C goes to the whole group; the one that froze it decides what happens then.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined);
process.stdin.on('end', thaw).on('error', thaw).resume();
setTimeout(thaw, Number(limit));
process.stdout.write('ready\n');
