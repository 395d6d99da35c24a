import { spawn } from 'node:child_process';
import { join } from 'node:path';

/** No check takes longer than this, also on a machine that others use; a hanging one must not hang the tests. */
const limitMs = 480_000;

export interface ProgramOutput {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a JavaScript program with this Node, in the root's folder. Any exit status is an answer; a signal is an error. */
export function runNode(root: string, script: string, args: readonly string[]): Promise<ProgramOutput> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, script), ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: limitMs,
      env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', FORCE_COLOR: undefined },
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output.stderr += text;
    });
    child.on('error', reject);
    child.on('close', (status, signal) => {
      if (status === null) reject(new Error(`${script} was ended by ${signal ?? 'a signal'}`));
      else resolve({ status, ...output });
    });
  });
}
