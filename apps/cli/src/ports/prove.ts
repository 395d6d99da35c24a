import { access, constants, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { planTopology } from '@holdfast/contract/plan';
import { loadTopology } from '@holdfast/contract/topology';
import { type ExitStatus, errnoOf, exitStatus, HoldfastError, oneLine } from '@holdfast/core';
import { labsFor, prove, renderMatrix } from '@holdfast/lab';
import type { RestClient } from '@holdfast/protocol';
import type { ServerOptions } from '../managed/server-options.ts';
import { counted, print, printJson, printText } from '../output.ts';
import type { Work } from '../work.ts';
import { readSignedProof, signatureFileOf, signProof } from './proof-signature.ts';

export interface PortsProveOptions extends ServerOptions {
  readonly quiet?: boolean;
  readonly out?: string;
  readonly matrix?: string;
  readonly labs?: number;
  readonly only?: readonly string[];
  readonly keep?: boolean;
  readonly sign?: string;
  readonly verify?: string;
  readonly keys?: string;
}

const main = fileURLToPath(new URL('../main.mjs', import.meta.url));

/** Proves the rules of a topology in labs on this computer, and writes what came of it; signed where a server is given. */
export async function portsProve(
  topologyFile: string,
  options: PortsProveOptions,
  { signal, client }: Work & { readonly client?: RestClient },
): Promise<ExitStatus> {
  // A server that cannot be reached is known before the long work, not after it.
  await client?.call('status', { signal });
  const plan = planTopology(await loadTopology(topologyFile));
  for (const file of [options.out, options.sign, options.matrix]) if (file !== undefined) await refuseUnwritable(file);
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-lab-'));
  try {
    const proof = await prove(plan, {
      folder,
      // Its modules are compiled once for all of the many processes.
      program: ['env', `NODE_COMPILE_CACHE=${join(folder, 'compiled')}`, process.execPath, main],
      signal,
      labs: options.labs ?? labsFor(plan),
      ...(options.only ? { only: options.only } : {}),
      report: (line) => note(line, options),
    });
    const document = { kind: 'proof', ...proof };
    const matrix = renderMatrix(proof);
    const files = new Set([options.out, options.sign].filter((file) => file !== undefined));
    for (const file of files) await writeFile(file, `${JSON.stringify(document, undefined, 1)}\n`);
    if (options.matrix !== undefined) await writeFile(options.matrix, matrix);
    if (client && options.sign !== undefined) await sign(options.sign, options, { client, signal });
    if (options.json) await printJson(document);
    else if (options.matrix === undefined) await print(matrix);
    return proof.holds ? exitStatus.success : exitStatus.failed;
  } finally {
    if (!options.keep) await rm(folder, { recursive: true, force: true });
  }
}

/** Before the long work, whose result would be lost. */
async function refuseUnwritable(file: string): Promise<void> {
  try {
    await access(dirname(file), constants.W_OK);
  } catch (cause) {
    throw new HoldfastError('usage.option', {
      message: `${file} can't be written: ${errnoOf(cause) ?? String(cause)}.`,
      guidance: 'Give a file in a folder that you may write to.',
      cause,
    });
  }
}

/** Has the server sign a proof that was written before. */
export async function signWrittenProof(
  file: string,
  options: PortsProveOptions,
  { signal, client }: { readonly signal: AbortSignal; readonly client: RestClient },
): Promise<ExitStatus> {
  await sign(file, options, { client, signal });
  if (options.json) await printJson({ kind: 'signature', proof: file, signature: signatureFileOf(file) });
  return exitStatus.success;
}

async function sign(
  file: string,
  options: PortsProveOptions,
  o: { readonly signal: AbortSignal; readonly client: RestClient },
): Promise<void> {
  note(`Signed: ${await signProof(file, o.client, o.signal)}`, options);
}

/** Checks a proof and its signature, without any server. */
export async function verifyWrittenProof(
  file: string,
  options: PortsProveOptions & { readonly keys: string },
): Promise<ExitStatus> {
  const { proof, attestation } = await readSignedProof(file, options.keys);
  if (options.json)
    await printJson({ kind: 'proof-verified', ...attestation, holds: proof.holds, notClosed: proof.notClosed });
  else {
    const lines = [
      `The signature fits. Installation ${attestation.installation}, ${attestation.signedAt.toISOString()}:`,
      `  ${attestation.statement}`,
      oneLine(
        `The document says that the proof for ${proof.topology}, of ${proof.startedAt}, ${proof.holds ? 'holds' : 'does NOT hold'}.`,
      ),
      ...(proof.notClosed.length === 0
        ? []
        : [`It leaves ${counted(proof.notClosed.length, 'rule')} out: never taken away.`]),
    ];
    await printText(`${lines.join('\n')}\n`);
  }
  return proof.holds ? exitStatus.success : exitStatus.failed;
}

function note(line: string, { quiet }: PortsProveOptions): void {
  if (!quiet) process.stderr.write(`${line}\n`);
}
