import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { z } from 'zod';
import { resolvePath } from '../data-directory.ts';

/** What of a computer's identity.json a service account needs. */
const identityFile = z.object({ certificatePem: z.string(), privateKeyPem: z.string() });

/**
 * Private key and certificate (PEM) that a machine proves itself with: of a file of both, or of the identity.json that an enrolled
 * agent or mover keeps in its data directory. Throws `usage.option`.
 */
export async function readMachineCertificate(path: string): Promise<string> {
  const full = resolvePath(path);
  let text: string;
  try {
    text = await readFile(full, 'utf8');
  } catch (error) {
    throw new HoldfastError('usage.option', {
      message: `The certificate file ${full} could not be read (${errnoOf(error) ?? String(error)}).`,
      cause: error,
    });
  }
  try {
    const given = text.trimStart().startsWith('{') ? identityFile.parse(JSON.parse(text)) : undefined;
    const pem = given ? `${given.privateKeyPem}\n${given.certificatePem}` : text;
    // Both, and nothing that only looks so.
    if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem) || new X509Certificate(pem).raw.length === 0)
      throw new TypeError();
    return pem;
  } catch (error) {
    throw new HoldfastError('usage.option', {
      message: `${full} does not hold a private key and a certificate.`,
      guidance:
        'Give the file of `holdfast service-account create --out`, or the identity.json of an enrolled computer.',
      cause: error,
    });
  }
}
