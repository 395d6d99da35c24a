import 'reflect-metadata';
import { createPublicKey } from 'node:crypto';
import { HoldfastError } from '@holdfast/core';
import { Pkcs10CertificateRequest } from '@peculiar/x509';
import { sha256Base64url } from './pem-keys.ts';

/** The only thing that is taken from a signing request. */
export interface RequestedKey {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array<ArrayBuffer>;
  /** Base64url SHA-256 of it. */
  readonly keyHash: string;
}

/** P-256 needs 91 bytes and P-384 120: a request is far below this. */
const maxRequestBytes = 4096;
const allowedCurves: readonly (string | undefined)[] = ['prime256v1', 'secp384r1'];

/**
 * Takes the public key out of a certificate signing request (PKCS #10, RFC 2986) after checking that whoever made it holds
 * the private key. Names and extensions are ignored: they are ours to give. Throws `request.invalid`.
 */
export async function readSigningRequest(pem: string): Promise<RequestedKey> {
  const { request, spki } = parse(pem);
  assertAllowedKey(spki);
  if (!(await isSignedByItsKey(request))) throw invalid('its signature does not fit its key');
  return { spki, keyHash: sha256Base64url(spki) };
}

function parse(pem: string): { request: Pkcs10CertificateRequest; spki: Uint8Array<ArrayBuffer> } {
  const body =
    /^-----BEGIN CERTIFICATE REQUEST-----\s+([A-Za-z0-9+/=\s]+?)\s+-----END CERTIFICATE REQUEST-----\s*$/.exec(
      pem,
    )?.[1];
  if (body === undefined) throw invalid('it is not one PEM block of a PKCS #10 request');
  const der = Buffer.from(body, 'base64');
  if (der.length > maxRequestBytes) throw invalid(`it is larger than ${maxRequestBytes} bytes`);
  try {
    const request = new Pkcs10CertificateRequest(new Uint8Array(der));
    // Its parts are parsed only when they are asked for.
    return { request, spki: new Uint8Array(request.publicKey.rawData) };
  } catch (error) {
    throw invalid('it is not a PKCS #10 request', error);
  }
}

function assertAllowedKey(spki: Uint8Array<ArrayBuffer>): void {
  let curve: string | undefined;
  try {
    curve = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }).asymmetricKeyDetails?.namedCurve;
  } catch (error) {
    throw invalid('its public key could not be read', error);
  }
  if (curve === undefined || !allowedCurves.includes(curve)) {
    throw invalid('its key is not an elliptic-curve key on P-256 or P-384');
  }
}

async function isSignedByItsKey(request: Pkcs10CertificateRequest): Promise<boolean> {
  try {
    return await request.verify();
  } catch (error) {
    throw invalid('its signature could not be checked', error);
  }
}

function invalid(what: string, cause?: unknown): HoldfastError {
  return new HoldfastError('request.invalid', {
    message: `The certificate signing request is not usable: ${what}.`,
    guidance: 'Enrol with `holdfast enroll`, which makes the right kind of key.',
    ...(cause === undefined ? {} : { cause }),
  });
}
