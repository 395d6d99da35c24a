import { BlockList, isIP } from 'node:net';
import { HoldfastError } from '@holdfast/core';

interface Candidate {
  readonly name: string;
  readonly address?: string | undefined;
}

/**
 * Whether a computer is one of those that a group leaves out: by a name pattern (`*`, `?`, in either case), an address or a range.
 * Throws `request.invalid` for a range that is none.
 */
export function readExclusions(patterns: readonly string[]): (candidate: Candidate) => boolean {
  const addresses = new BlockList();
  const names: string[] = [];
  for (const pattern of patterns) {
    const [address = '', prefix, ...more] = pattern.split('/');
    const family = isIP(address);
    if (family === 0 && prefix === undefined) names.push(pattern.toLowerCase());
    else addRange(addresses, { pattern, address, prefix, isOne: family !== 0 && more.length === 0 });
  }
  const isExcluded = (text: string): boolean =>
    isIP(text) === 0
      ? names.some((pattern) => matches(pattern, text.toLowerCase()))
      : addresses.check(text, isIP(text) === 6 ? 'ipv6' : 'ipv4') || names.some((pattern) => matches(pattern, text));
  return ({ name, address }) => isExcluded(name) || (address !== undefined && isExcluded(address));
}

function addRange(
  list: BlockList,
  o: { pattern: string; address: string; prefix: string | undefined; isOne: boolean },
): void {
  const family = isIP(o.address) === 6 ? 'ipv6' : 'ipv4';
  const bits = family === 'ipv6' ? 128 : 32;
  const length = o.prefix === undefined ? bits : /^\d{1,3}$/.test(o.prefix) ? Number(o.prefix) : bits + 1;
  if (!o.isOne || length > bits)
    throw new HoldfastError('request.invalid', { message: `The exclusion ${o.pattern} is no range of addresses.` });
  list.addSubnet(o.address, length, family);
}

/** In time proportional to both lengths: only the last `*` is ever tried again. */
function matches(pattern: string, text: string): boolean {
  let [at, from] = [0, 0];
  let [star, retry] = [-1, 0];
  while (from < text.length) {
    if (pattern[at] === '*') {
      star = at++;
      retry = from;
    } else if (pattern[at] === '?' || pattern[at] === text[from]) {
      at += 1;
      from += 1;
    } else if (star >= 0) {
      at = star + 1;
      from = ++retry;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(at));
}
