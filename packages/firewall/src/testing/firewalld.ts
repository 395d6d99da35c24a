import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@holdfast/core/testing';
import type { Namespace, TestLife } from './two-hosts.ts';

export const firewalldPrograms = ['ip', 'nft', 'firewalld', 'firewall-cmd', 'dbus-daemon', 'busctl'];

/** A system bus for firewalld alone, which starts no other services. */
const busConfiguration = `<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen>
<auth>EXTERNAL</auth><policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/></policy></busconfig>`;

/** Starts firewalld in the namespace, with a configuration of its own. Both end with the test. */
export function startFirewalld(t: TestLife, host: Namespace): void {
  host.coverEtc(t);
  const busFile = join(temporaryFolder(t), 'bus.conf');
  writeFileSync(busFile, busConfiguration);
  host.run('mkdir', ['/run/dbus']);
  host.start(t, 'dbus-daemon', ['--config-file', busFile, '--nofork', '--nopidfile']);
  host.run('sh', ['-c', 'until [ -S /run/dbus/system_bus_socket ]; do sleep 0.1; done']);
  host.start(t, 'firewalld', ['--nofork', '--nopid']);
  host.run('sh', ['-c', 'until firewall-cmd --state; do sleep 0.2; done']);
}
