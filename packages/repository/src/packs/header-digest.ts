import { hash } from 'node:crypto';
import type { PackHeader } from '../format/pack-header.ts';

/** What tells two headers apart, small enough to be kept for every pack. */
export function headerDigest(header: PackHeader): string {
  return hash('sha256', header, 'base64');
}
