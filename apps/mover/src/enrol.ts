import { type EnrolOptions, enrolComputer, type StoredIdentity } from '@holdfast/protocol';
import { createWire, type PortOverrides } from '@holdfast/wire';

/** Joins an installation as the data mover of this computer: see `enrolComputer`. */
export async function enrolMover(
  options: Omit<EnrolOptions, 'wire' | 'channel' | 'role'> & { overrides?: PortOverrides },
): Promise<StoredIdentity> {
  await using wire = createWire({ role: 'data-mover', bind: '127.0.0.1', overrides: options.overrides ?? {} });
  return await enrolComputer({ ...options, wire, channel: 'enrolment', role: 'mover' });
}
