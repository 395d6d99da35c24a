import { readFile, writeFile } from 'node:fs/promises';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { digestOfProof, type ProofAttestation, type RestClient, verifyProof } from '@holdfast/protocol';
import { z } from 'zod';
import { readPublishedKeys } from '../managed/published-keys.ts';

/** A proof as it stands in a file, and all that is asked of it here; `kind` keeps other documents from being signed. */
const writtenProof = z.object({
  kind: z.literal('proof'),
  topology: z.string(),
  startedAt: z.string(),
  notClosed: z.array(z.string()),
  holds: z.boolean(),
});
export type WrittenProof = z.output<typeof writtenProof>;

/** Beside the document, so that the document stays what any JSON reader takes and `sha256sum` prints what was signed. */
export function signatureFileOf(file: string): string {
  return `${file}.jws`;
}

/** Has the server sign what is in the file; writes the signature beside it, and returns that file's name. */
export async function signProof(file: string, client: RestClient, signal: AbortSignal): Promise<string> {
  const document = await readNamed(file, 'proof');
  parseProof(document, file);
  const { signature } = await client.call('signProof', { body: { sha256: digestOfProof(document) }, signal });
  const signatureFile = signatureFileOf(file);
  await writeFile(signatureFile, `${signature}\n`);
  return signatureFile;
}

/**
 * Checks a proof against the signature beside it, with the server's keys as `holdfast status --json` printed them into a file.
 * @throws `proof.signature` when they do not fit.
 */
export async function readSignedProof(
  file: string,
  keysFile: string,
): Promise<{ readonly proof: WrittenProof; readonly attestation: ProofAttestation }> {
  const document = await readNamed(file, 'proof');
  const signature = (await readNamed(signatureFileOf(file), 'signature')).toString().trim();
  const { installation, identityKeys } = await readPublishedKeys(keysFile);
  const attestation = await verifyProof(document, { signature, installation, keys: identityKeys });
  return { proof: parseProof(document, file), attestation };
}

function parseProof(document: Buffer, file: string): WrittenProof {
  const parsed = writtenProof.safeParse(parseJson(document));
  if (parsed.success) return parsed.data;
  throw new HoldfastError('usage.option', {
    message: `${file} is no proof.`,
    guidance: 'Give the file that `holdfast ports prove TOPOLOGY --out FILE` has written.',
  });
}

/** undefined for what is not JSON: no form that is asked for here takes it. */
function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

async function readNamed(file: string, what: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new HoldfastError('usage.option', {
      message: `The ${what} ${file} could not be read (${errnoOf(error) ?? String(error)}).`,
      guidance: 'Check the path and its permissions.',
      cause: error,
    });
  }
}
