import { networkInterfaces } from 'node:os';
import type { Plan, PlannedHost } from '@holdfast/contract/plan';
import { type Block, contains, parseBlock } from '@holdfast/contract/topology';
import { HoldfastError } from '@holdfast/core';

/** An address that this computer has, and the interface that has it. Neither loopback nor link-local. */
export interface OwnAddress extends Block {
  readonly device: string;
}

export function ownAddresses(): readonly OwnAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([device, entries = []]) =>
    entries.flatMap(({ address, internal, family, scopeid }) => {
      const isLinkLocal = family === 'IPv6' ? scopeid !== 0 : address.startsWith('169.254.');
      const block = parseBlock(address);
      return internal || isLinkLocal || typeof block === 'string' ? [] : [{ ...block, device }];
    }),
  );
}

/** The host of that name, or the one that has this computer's addresses. Throws `usage.option` where there is none, or several. */
export function thisHost(plan: Plan, name: string | undefined): PlannedHost {
  const managed = plan.hosts.filter((host) => host.managed);
  if (name !== undefined) {
    const named = managed.find((host) => host.name === name);
    if (named) return named;
    throw new HoldfastError('usage.option', { message: `${name} is no host of this topology with rules of its own.` });
  }
  const own = ownAddresses();
  const found = managed.filter(({ addresses }) => {
    const blocks = addresses.map(parseBlock).filter((block) => typeof block !== 'string');
    return blocks.some((block) => own.some((address) => contains(block, address)));
  });
  const [only, second] = found;
  if (only && !second) return only;
  const guidance = 'Say which host of the topology this computer is: --host NAME.';
  if (only)
    throw new HoldfastError('usage.option', {
      message: `This computer has addresses of several hosts: ${found.map((host) => host.name).join(', ')}.`,
      guidance,
    });
  const shown = own.map(({ text }) => text).join(', ') || 'none';
  throw new HoldfastError('usage.option', {
    message: `No host of the topology has an address of this computer (${shown}).`,
    guidance,
  });
}
