import { serveExecutor } from '@holdfast/executor';
import { joinedStream } from '@holdfast/protocol/executor';

/** The process that opens a repository for one task: the task comes over standard input, and the answer goes to standard output. */
export async function runExecute(): Promise<void> {
  await serveExecutor(joinedStream(process.stdin, process.stdout));
}
