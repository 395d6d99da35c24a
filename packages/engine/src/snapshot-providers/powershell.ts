import { HoldfastError } from '@holdfast/core';
import type { Tools } from './snapshot-provider.ts';

/**
 * Runs a script of Windows PowerShell and gives the value that it ends with. Values reach a script as environment variables,
 * never as a part of its text; what comes back is JSON, because what Windows' own programs print depends on its language.
 * @throws backup.volume with what the system said
 */
export async function runPowerShell(
  script: string,
  variables: Readonly<Record<string, string>>,
  { run, signal }: Tools,
): Promise<unknown> {
  const program = `${process.env['SystemRoot'] ?? 'C:\\Windows'}\\System32\\WindowsPowerShell\\v1.0\\powershell.exe`;
  const encoded = Buffer.from(wholeScript(script), 'utf16le').toString('base64');
  const args = ['-NoLogo', '-NoProfile', '-NonInteractive', '-EncodedCommand', encoded];
  const printed = await run(program, args, signal, variables);
  const json = Buffer.from(printed.trim(), 'base64').toString();
  let answer: unknown;
  try {
    answer = JSON.parse(json);
  } catch (cause) {
    throw unexpectedAnswer(printed, cause);
  }
  if (hasField(answer, 'error'))
    throw new HoldfastError('backup.volume', { message: `Windows refused: ${String(answer.error).trim()}` });
  if (!hasField(answer, 'result')) throw unexpectedAnswer(json);
  return answer.result;
}

/** Base64, because it is the same in every code page that a console may have. */
function wholeScript(script: string): string {
  return `$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
try { $answer = @{ result = & {
${script}
} } } catch { $answer = @{ error = [string] $_.Exception.Message } }
$json = ConvertTo-Json -InputObject $answer -Depth 5 -Compress
[Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($json))
`;
}

export function unexpectedAnswer(answer: string, cause?: unknown): HoldfastError {
  return new HoldfastError('backup.volume', {
    message: `PowerShell gave an answer of another form than expected: ${JSON.stringify(answer.slice(0, 200))}`,
    cause,
  });
}

export function hasField<Name extends string>(value: unknown, name: Name): value is Record<Name, unknown> {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name);
}
