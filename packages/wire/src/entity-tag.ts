import { createHash } from 'node:crypto';

/** The entity tag (RFC 9110, 8.8.3) of an answer: of its bytes, so that nothing has to count versions. */
export function entityTag(content: string | Uint8Array): string {
  return `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
}

/** Whether an `If-Match` or `If-None-Match` names the tag. Weak forms count as the strong ones: proxies make them of ours. */
export function namesTag(header: string, tag: string): boolean {
  return header.trim() === '*' || header.split(',').some((one) => one.trim().replace(/^W\//, '') === tag);
}
