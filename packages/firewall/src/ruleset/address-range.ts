import { parseBlock } from '@holdfast/contract/topology';
import type { AddressEdge } from './ruleset.ts';

/** An address or prefix as a range; undefined for what is none. */
export function addressRange(value: string): AddressEdge | undefined {
  const block = parseBlock(value);
  return typeof block === 'string' ? undefined : block;
}
