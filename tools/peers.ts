/**
 * `npm run peers` installs the programs that tests play against. What Debian's stable release has good enough goes into
 * the system with apt-get; the newest restic and its REST server are unpacked from Debian's development suite into
 * `.peers/bin`, and Python packages that read our output into `.peers/python`, without touching the system. What cannot be
 * installed is named, with the way to get it by hand: that is no failure, because the tests that need it say so and are
 * skipped. With `-- --keycloak` Keycloak comes as well, into `.peers/keycloak`.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAtLeast, leastVersions, peersFolder, program, programs } from '@holdfast/core/testing';
import { installKeycloak } from './keycloak.ts';

/** A program, Debian's package that brings it, and what it is needed for. */
const systemPrograms = [
  { name: 'restic', package: 'restic', use: 'interoperation with the oldest restic that is supported' },
  { name: 'nft', package: 'nftables', use: 'firewalls of the lab' },
  { name: 'iptables-restore', package: 'iptables', use: 'generated rules' },
  { name: 'ufw', package: 'ufw', use: 'generated rules' },
  { name: 'firewall-offline-cmd', package: 'firewalld', use: 'generated rules' },
  { name: 'dbus-daemon', package: 'dbus-daemon', use: 'firewalld' },
  { name: 'busctl', package: 'systemd', use: 'leases in firewalld' },
  { name: 'ip', package: 'iproute2', use: 'networks of the lab' },
  { name: 'strace', package: 'strace', use: 'what a process really opens and syncs' },
  { name: 'getfattr', package: 'attr', use: 'extended attributes' },
  { name: 'getfacl', package: 'acl', use: 'access control lists' },
  { name: 'dnsmasq', package: 'dnsmasq-base', use: 'names of the lab' },
  { name: 'nmap', package: 'nmap', use: 'every port of every computer of the lab' },
  { name: 'tshark', package: 'tshark', use: 'every packet between the computers of the lab' },
  { name: 'postgres', package: 'postgresql-15', use: 'the catalogue on PostgreSQL' },
  { name: 'psql', package: 'postgresql-client-15', use: 'databases of tests' },
  { name: 'setpriv', package: 'util-linux', use: 'PostgreSQL, which refuses to run as root' },
  { name: 'exim4', package: 'exim4-daemon-light', use: 'a mail server' },
  { name: 'rsyslogd', package: 'rsyslog-gnutls', use: 'a syslog server, with TLS' },
  { name: 'openssl', package: 'openssl', use: 'a TLS client that is not ours' },
  { name: 'sslscan', package: 'sslscan', use: 'what is weak in TLS' },
  { name: 'chromium', package: 'chromium', use: 'the web console in a real browser' },
  { name: 'zsh', package: 'zsh', use: 'its completion' },
  { name: 'fish', package: 'fish', use: 'its completion' },
  { name: 'fusermount3', package: 'fuse3', use: 'mounts of restic, and of who is not root' },
  { name: 'mkfs.btrfs', package: 'btrfs-progs', use: 'snapshots of volumes' },
  { name: 'man', package: 'man-db', use: 'manual pages' },
  { name: 'groff', package: 'groff', use: 'manual pages' },
] as const;

/** Single binaries that need no more than the C library of Debian 12. */
const newestPrograms = [
  {
    name: 'restic',
    package: 'restic',
    atLeast: leastVersions['restic'] ?? '',
    use: 'interoperation with the newest restic',
  },
  {
    name: 'restic-rest-server',
    package: 'restic-rest-server',
    atLeast: '0.14',
    use: 'comparison of the REST protocol',
  },
  { name: 'promtool', package: 'promtool', atLeast: '2', use: 'what monitoring reads' },
] as const;
/** Readers of what is rendered for others, which Python's index has; the module is what tests import. */
const pythonPackages = [
  { name: 'pygohcl', module: 'pygohcl', use: "HashiCorp's parser of Terraform's language" },
  { name: 'kubernetes-validate', module: 'kubernetes_validate', use: "Kubernetes' published schemas" },
  { name: 'openpyxl', module: 'openpyxl', use: 'a reader of workbooks' },
  { name: 'ansible-core', module: 'ansible', use: 'Ansible, which reads its variables' },
  {
    name: 'schemathesis',
    module: 'schemathesis',
    use: 'requests that nobody thought of, made from the OpenAPI document',
  },
] as const;
/** Away from the system's Python, and from whatever environment is active. */
const pythonFolder = join(peersFolder, '..', 'python');
const newestSuite = 'sid';
/** Mirrors and networks have bad moments. */
const updateAttempts = 3;
const installLimitMs = 300_000;

interface Missing {
  readonly name: string;
  readonly reason: string;
  readonly byHand: string;
}

const missing: Missing[] = [];
let updated: boolean | undefined;
installSystemPrograms();
installNewestPrograms();
installPythonPackages();
if (process.argv.includes('--keycloak')) bringKeycloak();
report();

function installSystemPrograms(): void {
  const wanted = systemPrograms.filter(({ name }) => !isInSystem(name));
  if (wanted.length === 0) return;
  const packages = wanted.map((one) => one.package);
  console.log(`Installing with apt-get: ${packages.join(' ')}`);
  const obstacle = aptObstacle();
  const reason = obstacle ?? (updateLists() ? undefined : 'apt-get update failed');
  // Together it is faster; one by one a package that this release lacks does not keep out the others.
  if (!reason && !install(packages)) for (const one of packages) install([one]);
  for (const one of wanted)
    if (!isInSystem(one.name))
      missing.push({
        name: `${one.name} (${one.use})`,
        reason: reason ?? `apt-get could not install ${one.package}`,
        byHand: `apt-get install ${one.package}, or the like of your system`,
      });
}

function installNewestPrograms(): void {
  const wanted = newestPrograms.filter(({ name, atLeast }) => !isNewest(name, atLeast));
  if (wanted.length === 0) return;
  console.log(`Unpacking into .peers/bin from Debian ${newestSuite}: ${wanted.map((one) => one.package).join(' ')}`);
  const reason = aptObstacle() ?? unpackNewest(wanted.map((one) => one.package));
  for (const one of wanted)
    if (!isNewest(one.name, one.atLeast))
      missing.push({
        name: `${one.name} ${one.atLeast} or newer (${one.use})`,
        reason: reason ?? `Debian ${newestSuite} did not bring it`,
        byHand: `put the program into .peers/bin or on the PATH`,
      });
}

function installPythonPackages(): void {
  const wanted = pythonPackages.filter(({ module }) => !isImportable(module));
  if (wanted.length === 0) return;
  const names = wanted.map(({ name }) => name);
  console.log(`Unpacking into .peers/python with pip: ${names.join(' ')}`);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--root-user-action=ignore'];
  const args = [...pip, '--only-binary=:all:', '--upgrade', '--target', pythonFolder];
  // Together their dependencies fit each other; one by one a package that is missing does not keep out the others.
  if (!succeeds('python3', [...args, ...names])) for (const name of names) succeeds('python3', [...args, name]);
  for (const { name, module, use } of wanted)
    if (!isImportable(module))
      missing.push({
        name: `${name} (${use})`,
        reason: 'pip could not install it',
        byHand: `python3 -m pip install --target ${pythonFolder} ${name}`,
      });
}

function bringKeycloak(): void {
  console.log('Unpacking into .peers/keycloak with Maven: keycloak');
  const reason = installKeycloak();
  const use = 'a provider elsewhere that people sign in with';
  if (reason !== undefined)
    missing.push({ name: `keycloak (${use})`, reason, byHand: 'unpack its distribution into .peers/keycloak' });
}

function isImportable(module: string): boolean {
  const env = { ...process.env, PYTHONPATH: pythonFolder, PYTHONDONTWRITEBYTECODE: '1' };
  return spawnSync('python3', ['-c', `import ${module}`], { env, timeout: installLimitMs }).status === 0;
}

/** Why apt-get cannot be used here, if it cannot. */
function aptObstacle(): string | undefined {
  if (process.platform !== 'linux' || !program('apt-get') || !program('dpkg-deb')) return 'this is no Debian system';
  return process.getuid?.() === 0 ? undefined : 'apt-get needs root rights';
}

function updateLists(): boolean {
  updated ??= withRetries(() => apt([], ['update']));
  return updated;
}

function install(packages: readonly string[]): boolean {
  return apt([], ['install', '-y', '--no-install-recommends', ...packages]);
}

/** Uses lists, a cache and a source of its own, so that the system's apt never hears of the development suite. */
function unpackNewest(packages: readonly string[]): string | undefined {
  const mirror = systemMirror();
  if (!mirror) return 'no mirror stands in the apt sources';
  const work = mkdtempSync(join(tmpdir(), 'holdfast-peers-'));
  try {
    for (const folder of ['lists/partial', 'cache/archives/partial', 'unpacked'])
      mkdirSync(join(work, folder), { recursive: true });
    const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
    writeFileSync(join(work, 'sources.list'), `deb [signed-by=${keyring}] ${mirror} ${newestSuite} main\n`);
    const own = [
      ...['-o', `Dir::Etc::SourceList=${work}/sources.list`, '-o', 'Dir::Etc::SourceParts=/dev/null'],
      ...['-o', `Dir::State::Lists=${work}/lists`, '-o', `Dir::Cache=${work}/cache`, '-o', 'APT::Sandbox::User=root'],
      ...['-o', 'Acquire::Languages=none', '-o', 'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false'],
    ];
    if (!withRetries(() => apt(own, ['update'], work))) return `apt-get update failed for Debian ${newestSuite}`;
    if (!withRetries(() => apt(own, ['download', ...packages], work))) return 'apt-get download failed';
    for (const file of readdirSync(work).filter((name) => name.endsWith('.deb')))
      if (!succeeds('dpkg-deb', ['-x', join(work, file), join(work, 'unpacked')]))
        return `${file} could not be unpacked`;
    mkdirSync(peersFolder, { recursive: true });
    const binaries = join(work, 'unpacked', 'usr', 'bin');
    for (const name of readdirSync(binaries)) {
      // A program that is running cannot be overwritten, only replaced.
      rmSync(join(peersFolder, name), { force: true });
      copyFileSync(join(binaries, name), join(peersFolder, name));
      chmodSync(join(peersFolder, name), 0o755);
    }
    return undefined;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The first mirror of the machine's own apt sources, in either of their two forms. */
function systemMirror(): string | undefined {
  const folder = '/etc/apt';
  const parts = join(folder, 'sources.list.d');
  const files = [join(folder, 'sources.list'), ...readNames(parts).map((name) => join(parts, name))];
  for (const file of files) {
    const text = readText(file);
    const found = /^URIs:\s*(\S+)/m.exec(text)?.[1] ?? /^deb\s.*?(https?:\/\/\S+)/m.exec(text)?.[1];
    if (found) return found;
  }
  return undefined;
}

function readNames(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function apt(options: readonly string[], args: readonly string[], folder?: string): boolean {
  return succeeds('apt-get', ['-qq', ...options, ...args], folder);
}

function withRetries(attempt: () => boolean): boolean {
  for (let number = 1; number <= updateAttempts; number += 1) if (attempt()) return true;
  return false;
}

/** Shows what the program says only if it fails. */
function succeeds(name: string, args: readonly string[], folder?: string): boolean {
  const result = spawnSync(name, args, {
    encoding: 'utf8',
    timeout: installLimitMs,
    ...(folder === undefined ? {} : { cwd: folder }),
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (result.status === 0) return true;
  console.error(`${name} ${args.join(' ')} failed:\n${result.stderr}`);
  return false;
}

function isInSystem(name: string): boolean {
  return programs(name, 'look again').some(({ path }) => !path.startsWith(peersFolder));
}

function isNewest(name: string, atLeast: string): boolean {
  return programs(name, 'look again').some(({ version }) => isAtLeast(version, atLeast));
}

function report(): void {
  const names = new Set([...systemPrograms, ...newestPrograms].map(({ name }) => name));
  for (const name of names)
    for (const { path, version } of programs(name)) console.log(`✔ ${name} ${version}  ${path}`);
  for (const { name, module } of pythonPackages) if (isImportable(module)) console.log(`✔ ${name}  ${pythonFolder}`);
  for (const { name, reason, byHand } of missing) console.log(`✖ ${name}: ${reason}. By hand: ${byHand}.`);
  if (missing.length > 0) console.log('The tests that need these will be skipped and say so.');
}
