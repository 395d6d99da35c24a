import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { planTopology } from '@holdfast/contract/plan';
import { loadTopology } from '@holdfast/contract/topology';
import { type ExitStatus, exitStatus } from '@holdfast/core';
import { labsFor, prove, renderMatrix } from '@holdfast/lab';
import { type OutputOptions, print, printJson } from '../output.ts';
import type { Work } from '../work.ts';

export interface PortsProveOptions extends OutputOptions {
  readonly out?: string;
  readonly matrix?: string;
  readonly keep?: boolean;
  readonly labs?: number;
  readonly only?: readonly string[];
}

/** Proves the rules of a topology in a lab on this computer, and writes what came of it. */
export async function portsProve(file: string, options: PortsProveOptions, { signal }: Work): Promise<ExitStatus> {
  const plan = planTopology(await loadTopology(file));
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-lab-'));
  try {
    const proof = await prove(plan, {
      folder,
      program: [process.execPath, fileURLToPath(new URL('../main.mjs', import.meta.url))],
      signal,
      labs: options.labs ?? labsFor(plan),
      ...(options.only ? { only: options.only } : {}),
      report: (line) => {
        if (!options.quiet) process.stderr.write(`${line}\n`);
      },
    });
    const matrix = renderMatrix(proof);
    if (options.out !== undefined) await writeFile(options.out, `${JSON.stringify(proof, undefined, 1)}\n`);
    if (options.matrix !== undefined) await writeFile(options.matrix, matrix);
    if (options.json) await printJson({ kind: 'proof', ...proof });
    else if (options.matrix === undefined) await print(matrix);
    return proof.holds ? exitStatus.success : exitStatus.failed;
  } finally {
    if (!options.keep) await rm(folder, { recursive: true, force: true });
  }
}
