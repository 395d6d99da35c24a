import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, requireProgram, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import type { TestInstallation } from '@holdfast/wire/testing';

export interface Rsyslog {
  readonly tls: number;
  readonly udp: number;
  /** Lines of what it has understood, once there are so many of ours. */
  readonly seen: (count: number) => Promise<string[]>;
  readonly stop: () => Promise<void>;
}

/** A real syslog server, which writes what it has understood of each message. */
export async function startRsyslog(
  t: TestContext,
  installation: TestInstallation,
  o: { readonly tls?: number } = {},
): Promise<Rsyslog> {
  const home = temporaryFolder(t);
  const [tls, udp] = [o.tls ?? (await freePort()), await freePort()];
  const caFile = join(home, 'ca.pem');
  writeFileSync(caFile, installation.caPem);
  const leaf = await installation.issue({ role: 'server' });
  const file = (name: string, content = ''): string => {
    writeFileSync(join(home, name), content, { mode: 0o600 });
    return join(home, name);
  };
  // One line for each: what the header, the structured data and the text came out as.
  const template = '%pri% %hostname% %app-name% %procid% %msgid% %structured-data% |%msg%\\n';
  const configuration = file(
    'rsyslog.conf',
    `global(processInternalMessages="on" workDirectory="${home}" defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="${caFile}"
  defaultNetstreamDriverCertFile="${file('cert.pem', leaf.certificatePem)}" defaultNetstreamDriverKeyFile="${file('key.pem', leaf.privateKeyPem)}")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
module(load="imudp")
input(type="imtcp" address="127.0.0.1" port="${tls}")
input(type="imudp" address="127.0.0.1" port="${udp}")
template(name="seen" type="string" string="${template}")
action(type="omfile" file="${join(home, 'seen')}" template="seen")
`,
  );
  const child = spawn(requireProgram('rsyslogd').path, ['-n', '-f', configuration, '-i', join(home, 'pid')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill();
    await ended;
  };
  t.after(stop);
  const lines = (): string[] =>
    existsSync(join(home, 'seen')) ? readFileSync(join(home, 'seen'), 'utf8').split('\n').slice(0, -1) : [];
  const ours = (): string[] => lines().filter((line) => / holdfast \d+ /.test(line));
  const until = async (holds: () => boolean): Promise<void> => {
    const endMs = Date.now() + 60_000;
    while (!holds()) {
      assert.ok(child.exitCode === null && Date.now() < endMs, `rsyslogd: ${said}\n${lines().join('\n')}`);
      await delay(20);
    }
  };
  // It tells of its own start, after it has opened its ports.
  await until(() => lines().some((line) => line.includes(' start')));
  return {
    ...{ tls, udp, stop },
    seen: async (count) => {
      await until(() => ours().length >= count);
      return ours();
    },
  };
}

/** TLS is a module of its own, and a package of its own in Debian. */
const tlsModule = globSync('/usr/lib*/{,*/}rsyslog/lmnsd_gtls.so');
export const rsyslogMissing = () =>
  skipUnless({ programs: ['rsyslogd'], root: true }) ||
  (tlsModule.length === 0 && 'needs the package rsyslog-gnutls (npm run peers)');
