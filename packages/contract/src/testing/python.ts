import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { peersFolder, program, requireProgram, skipUnless } from '@holdfast/core/testing';

/** `npm run peers` puts the Python packages there that tests read our output with. */
const packagesFolder = join(peersFolder, '..', 'python');
const limitMs = 400_000;
const outputBytes = 64 * 1024 * 1024;

/** False, or the reason to skip: fits the `skip` option of `node:test`. */
export function skipUnlessPython(...modules: readonly string[]): string | false {
  if (!program('python3')) return skipUnless({ programs: ['python3'] });
  const missing = modules.filter((module) => run(`import ${module}`, '').status !== 0);
  return missing.length === 0 ? false : `needs the Python packages ${missing.join(', ')} (npm run peers)`;
}

/** What the script prints, given `input` on its standard input. Throws with what it complains about. */
export function runPython(script: string, input: string | Uint8Array): string {
  const result = run(script, input);
  if (result.status !== 0) throw new Error(`python3 ended with ${result.status}: ${result.stderr.toString()}`);
  return result.stdout.toString();
}

function run(
  script: string,
  input: string | Uint8Array,
): ReturnType<typeof spawnSync> & { stdout: Buffer; stderr: Buffer } {
  return spawnSync(requireProgram('python3').path, ['-c', script], {
    input,
    env: { ...process.env, PYTHONPATH: packagesFolder, PYTHONDONTWRITEBYTECODE: '1' },
    timeout: limitMs,
    maxBuffer: outputBytes,
  });
}
