import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

/** True for loopback and for every address of this computer's own. */
export function isThisComputer(address: string): boolean {
  if (isIP(address) === 0) return false;
  if (address === '::1' || address.startsWith('127.')) return true;
  return Object.values(networkInterfaces()).some((entries) => entries?.some((entry) => entry.address === address));
}
