import { HoldfastError } from '@holdfast/core';

/** What is done with the checks, or audits, that a server has already. None of it: a new one is begun. */
export interface FleetWorkChoice {
  readonly list?: boolean;
  /** The beginning of an id; `true`: the newest. */
  readonly follow?: string | true;
  readonly cancel?: string | true;
}

/** @throws `usage.option` for what only a server can be asked for. */
export function requireFleet({ list, follow, cancel }: FleetWorkChoice): void {
  if (list === undefined && follow === undefined && cancel === undefined) return;
  throw new HoldfastError('usage.option', {
    message: '--list, --follow and --cancel are about checks and audits of the fleet.',
    guidance: 'Add --fleet.',
  });
}

/** @throws `usage.option` for more than one of them, and for a topology, which only a new one takes. */
export function requireOneChoice({ list, follow, cancel }: FleetWorkChoice, topology: string | undefined): void {
  const given = [list, follow, cancel].filter((one) => one !== undefined).length;
  if (given === 0 || (given === 1 && topology === undefined)) return;
  throw new HoldfastError('usage.option', {
    message: 'Of --list, --follow, --cancel and a topology, which begins a new one, there can be one.',
    guidance: 'Leave out the others. An id is written behind its option: --follow 6f1c2a34.',
  });
}
