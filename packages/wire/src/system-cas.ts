import { getCACertificates } from 'node:tls';

/** The certificates of the CAs that this system trusts, in PEM one after the other; empty where it knows none. */
export function systemCaPem(): string {
  return getCACertificates('system').join('\n');
}
