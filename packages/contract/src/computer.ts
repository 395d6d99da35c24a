import { HoldfastError } from '@holdfast/core';
import { type Channel, channels } from './channels.ts';
import { effectiveRoles, type Platform, type ProcessName, type Role, rolePlatforms } from './roles.ts';
import { isOff } from './row-status.ts';

/** A computer as the contract sees it. Without a platform, the roles alone decide. */
export interface Computer {
  readonly roles: readonly Role[];
  readonly platform?: Platform;
  /** Only the sockets of that program. */
  readonly process?: ProcessName;
}

export interface ComputerChannels {
  /** Opened to the network for others. */
  readonly listens: readonly Channel[];
  /** Dialled to other computers. */
  readonly dials: readonly Channel[];
  /** Both ends on this computer; no firewall rule. */
  readonly local: readonly Channel[];
}

function staysInside(entry: Channel): boolean {
  return entry.loopbackOnly || entry.transport === 'local';
}

/**
 * The channels that a computer with these roles listens on, dials, and uses within itself, in the contract's order.
 * Throws `usage.configuration` for a role that can't live on the platform.
 */
export function channelsOf(computer: Computer): ComputerChannels {
  const { platform, process } = computer;
  const misfit = computer.roles.find((role) => platform !== undefined && !rolePlatforms(role).includes(platform));
  if (misfit !== undefined) {
    throw new HoldfastError('usage.configuration', {
      message: `The role ${misfit} does not exist on ${platform}.`,
      guidance: `Use ${misfit} on: ${rolePlatforms(misfit).join(', ')}.`,
      context: { role: misfit, platform },
    });
  }
  const mine = effectiveRoles(computer.roles, platform);
  const takesPart = (entry: Channel, end: 'from' | 'to'): boolean =>
    entry[end].some((role) => mine.has(role)) && (process === undefined || entry.processes[end].includes(process));
  const open = channels.filter((entry) => !isOff(entry.id));
  return {
    listens: open.filter((entry) => !staysInside(entry) && takesPart(entry, 'to')),
    dials: open.filter((entry) => !staysInside(entry) && takesPart(entry, 'from')),
    local: open.filter((entry) => staysInside(entry) && (takesPart(entry, 'from') || takesPart(entry, 'to'))),
  };
}
