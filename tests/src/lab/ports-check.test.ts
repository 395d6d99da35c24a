import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { exitStatus } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { LabNetwork } from '@holdfast/lab';
import { labNeeds } from './lab-needs.ts';

/**
 * `holdfast ports check` between computers of a routed network, with every cause that it tells apart made for real: by the firewall
 * and the routes of the hosts, and by devices on the router between them.
 */

const topology = `name: check
zones:
  centre: { addresses: [10.1.0.0/16] }
hosts:
  server: { zone: centre, addresses: [10.1.0.10], names: [server.example.com], roles: [backup-server] }
  store: { zone: centre, addresses: [10.1.0.11], names: [store.example.com], roles: [repository-linux] }
  web: { zone: centre, addresses: [10.1.1.21], roles: [agent-linux], uses: [store] }
`;
const server = '10.1.0.10';
const store = '10.1.0.11';
const web = '10.1.1.21';
/** An address that the topology does not know. */
const elsewhere = '10.1.0.12';
const maxAttempts = 5;
const cli = new URL('../../../apps/cli/src/main.mjs', import.meta.url).pathname;
const middlebox = new URL('middlebox.ts', import.meta.url).pathname;

type Diagnosis = { readonly kind: string } & Readonly<Record<string, unknown>>;

interface Report {
  readonly results: readonly {
    readonly to: string;
    readonly port?: number;
    readonly how: string;
    readonly ok: boolean;
    readonly rule?: string;
    readonly diagnoses: readonly Diagnosis[];
  }[];
}

class Site {
  readonly network: LabNetwork;
  readonly #folder: string;
  readonly #file: string;
  readonly #secret: string;

  constructor(t: TestContext) {
    const folder = temporaryFolder(t);
    this.#folder = folder;
    this.#file = join(folder, 'topology.yaml');
    this.#secret = this.secret('secret');
    this.describe(topology);
    const places = [
      { name: 'server', zone: 'centre', addresses: [server] },
      { name: 'store', zone: 'centre', addresses: [store, elsewhere] },
      { name: 'web', zone: 'centre', addresses: [web] },
    ];
    this.network = LabNetwork.build(places, { folder, program: [process.execPath, cli] });
    t.after(() => this.network[Symbol.asyncDispose]());
    for (const { namespace } of this.network.hosts) {
      const etc = join('/etc/netns', namespace.name);
      mkdirSync(etc, { recursive: true });
      t.after(() => rmSync(etc, { recursive: true, force: true }));
      // Nobody answers there: names come from the file.
      writeFileSync(join(etc, 'resolv.conf'), 'nameserver 127.0.0.1\n');
    }
    this.names(`${server} server.example.com\n${store} store.example.com\n`);
    this.rules('');
  }

  /** The topology that the next check reads. */
  describe(text: string): void {
    writeFileSync(this.#file, text);
  }

  /** A file with a secret. */
  secret(name: string): string {
    const file = join(this.#folder, name);
    writeFileSync(file, `${randomBytes(32).toString('base64')}\n`);
    return file;
  }

  /** What the resolver of the dialling computer knows. */
  names(text: string): void {
    writeFileSync(join('/etc/netns', this.network.host('web').namespace.name, 'hosts'), text);
  }

  /** Rules of the router, in the place of those before. Connections that are under way are forgotten. */
  rules(text: string): void {
    this.network.router.nft(`table ip test {}\ndelete table ip test\ntable ip test {\n${text}\n}\n`);
  }

  /** Starts a program that ends with the test, and waits for its first output. */
  async start(
    t: TestContext,
    place: 'router' | 'server' | 'store',
    program: string,
    args: readonly string[],
  ): Promise<void> {
    const namespace = place === 'router' ? this.network.router : this.network.host(place).namespace;
    const child = namespace.spawn(program, args);
    child.stderr?.pipe(process.stderr);
    t.after(async () => {
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    });
    assert.ok(child.stdout);
    await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit').then(() => assert.fail(`${program} ${args.join(' ')} ended at once`)),
    ]);
    child.stdout.resume();
  }

  listen(t: TestContext, place: 'server' | 'store', as: readonly string[] = []): Promise<void> {
    const [program, ...first] = [...as, process.execPath, cli];
    const args = ['ports', 'check', this.#file, '--listen', '--host', place, '--secret-file', this.#secret];
    return this.start(t, place, program, [...first, ...args]);
  }

  device(t: TestContext, place: 'router' | 'store', args: readonly string[]): Promise<void> {
    return this.start(t, place, process.execPath, [middlebox, ...args]);
  }

  /** Tries everything from the protected computer. A secret that is given later is the one that counts. */
  run(...more: readonly string[]) {
    const args = ['ports', 'check', this.#file, '--host', 'web', '--secret-file', this.#secret, ...more];
    return this.network.host('web').holdfast(args);
  }

  /** What the check says of each place, in words: `store:2500`, `store` for its names. */
  async check(...more: readonly string[]) {
    const { status, stdout, stderr } = await this.run('--json', ...more);
    assert.notEqual(stdout, '', stderr);
    const { results } = JSON.parse(stdout) as Report;
    const found = new Map<string, readonly Diagnosis[]>();
    for (const { to, port, diagnoses } of results) found.set(port === undefined ? to : `${to}:${port}`, diagnoses);
    const kinds = Object.fromEntries(
      [...found]
        .filter(([, all]) => all.length > 0)
        .map(([place, all]) => [place, all.map(({ kind }) => kind).join(', ')]),
    );
    return { status, results, kinds, at: (place: string): Diagnosis | undefined => found.get(place)?.[0] };
  }

  /** Checks until that is found: where the machine stood still for longer than a step may take, something else is, and not again. */
  async finds(expected: Readonly<Record<string, string>>, ...more: readonly string[]) {
    for (let attempt = 1; ; attempt += 1) {
      const checked = await this.check(...more);
      if (attempt < maxAttempts && !isDeepStrictEqual(checked.kinds, expected)) continue;
      assert.deepEqual(checked.kinds, expected);
      return checked;
    }
  }
}

/** Numbers of a diagnosis. */
function number(diagnosis: Diagnosis | undefined, key: string): number {
  const value = diagnosis?.[key];
  assert.ok(typeof value === 'number', `${key} of ${JSON.stringify(diagnosis)}`);
  return value;
}

/** Root, but without the right to low ports. */
const unprivileged = ['setpriv', '--bounding-set=-net_bind_service', '--inh-caps=-net_bind_service'];

test('what is wrong between two computers is told apart', { skip: labNeeds }, async (t) => {
  const site = new Site(t);
  const { router } = site.network;
  site.network.host('store').namespace.sysctl({
    'net/ipv4/ip_unprivileged_port_start': '2501',
    // The system does not give these out by itself; a service that asks for one gets it.
    'net/ipv4/ip_local_reserved_ports': '2900',
  });
  router.sysctl({ 'net/netfilter/nf_conntrack_acct': '1' });
  await site.device(t, 'store', ['greet', '2700']);
  await Promise.all([site.listen(t, 'server'), site.listen(t, 'store', unprivileged)]);
  await Promise.all([
    site.device(t, 'router', ['silent', '9001']),
    site.device(t, 'router', ['close', '9002']),
    site.device(t, 'router', ['greet', '9003']),
    site.device(t, 'router', ['intercept', '9004', store, '6162']),
    site.device(t, 'router', ['end-idle', '9005', server, '10006']),
  ]);
  const standing = { 'store:2500': 'port-forbidden', 'store:2700': 'port-in-use' };

  await t.test(
    'nothing is wrong on the way; at the other end a program has one port, and another is forbidden',
    async () => {
      const { status, at, results } = await site.finds(standing);
      assert.match(String(at('store:2700')?.['holder']), /^node\S* \(pid \d+\)$/);
      assert.equal(status, exitStatus.failed);
      assert.equal(results.length, 7);
    },
  );

  await t.test('for people: what passes, what does not, why, and the rule to ask for', async () => {
    site.rules(`chain forward { type filter hook forward priority filter;
        ip daddr ${server} tcp dport 10006 reject with tcp reset
      }`);
    const { status, stdout } = await site.run();
    assert.equal(status, exitStatus.failed);
    assert.match(stdout, /^server +10\.1\.0\.10 +10006 +refused +posix-agent-control, /m);
    assert.match(stdout, /^store +10\.1\.0\.11 +2900-3300 \(3 tried\) +open +agent-to-mover-data$/m);
    assert.match(stdout, /^server 10\.1\.0\.10 10006: Refused: /m);
    assert.match(stdout, /^ {2}The rule: tcp 10006 from web \(10\.1\.1\.21\) to server \(10\.1\.0\.10\)$/m);
    assert.match(stdout, /^ {2}Why: holdfast ports plan \S+ --why server:10006$/m);
    assert.match(stdout, /^7 ports tried, 3 with a failure, 0 with a warning\.$/m);
  });

  await t.test('each port of the range, hundreds at a time', async () => {
    site.rules('');
    const { results } = await site.finds(standing, '--all-ports');
    assert.equal(results.filter(({ port = 0 }) => port >= 2500 && port <= 3300).length, 801);
  });

  await t.test('with another secret nobody proves anything', async () => {
    const other = site.secret('other');
    const { kinds } = await site.check('--secret-file', other);
    assert.deepEqual(kinds['server:10006'], 'middlebox');
    assert.deepEqual(kinds['store:6162'], 'middlebox');
  });

  await t.test('rejected, answered by another in two ways, and cut by a reset', async () => {
    site.rules(`chain before { type nat hook prerouting priority dstnat;
        ip daddr ${store} tcp dport 2900 redirect to :9003
        ip daddr ${store} tcp dport 3100 redirect to :9002
      }
      chain forward { type filter hook forward priority filter;
        ip daddr ${store} tcp dport 3300 reject with tcp reset
        ip daddr ${server} tcp dport 10006 ct original bytes > 60000 reject with tcp reset
      }`);
    const { at, results } = await site.finds({
      ...standing,
      'server:10006': 'cut',
      'store:2900': 'middlebox',
      'store:3100': 'middlebox',
      'store:3300': 'refused',
    });
    assert.deepEqual([at('store:2900')?.['said'], at('store:3100')?.['said']], ['not-tls', 'closed']);
    assert.equal(at('store:3300')?.['by'], 'firewall');
    const cut = at('server:10006');
    assert.deepEqual([cut?.['how'], cut?.['direction']], ['reset', 'out']);
    assert.ok(number(cut, 'afterBytes') > 20_000 && number(cut, 'afterBytes') < 62_000, JSON.stringify(cut));
    const refused = results.find(({ port }) => port === 3300);
    assert.equal(refused?.rule, `tcp 3300 from web (${web}) to store (${store})`);
  });

  await t.test('held back without a word, in the place of the host and in front of it', async () => {
    site.rules(`chain before { type nat hook prerouting priority dstnat;
        ip daddr ${store} tcp dport 6162 redirect to :9001
      }
      chain forward { type filter hook forward priority filter;
        ip daddr ${store} tcp dport 3300 ct original bytes > 160 drop
        ip saddr ${server} tcp sport 10006 ct reply bytes > 60000 drop
      }`);
    const { at } = await site.finds({
      ...standing,
      'server:10006': 'cut',
      'store:3300': 'cut',
      'store:6162': 'middlebox',
    });
    const cut = at('server:10006');
    assert.deepEqual([cut?.['how'], cut?.['direction']], ['silence', 'in']);
    assert.ok(number(cut, 'afterBytes') > 20_000 && number(cut, 'afterBytes') < 62_000, JSON.stringify(cut));
    assert.equal(at('store:6162')?.['said'], 'nothing');
    assert.deepEqual([at('store:3300')?.['how'], at('store:3300')?.['afterBytes']], ['silence', 0]);
  });

  await t.test('dropped; and a smaller MTU on the way, of which nobody is told', async () => {
    site.rules(`chain output { type filter hook output priority filter; icmp type destination-unreachable drop; }
      chain forward { type filter hook forward priority filter; ip daddr ${server} tcp dport 10006 drop; }`);
    router.ip('link', 'set', 'port2', 'mtu', '1300');
    const { at } = await site.finds({ ...standing, 'server:10006': 'dropped', 'store:6162': 'mtu' });
    router.ip('link', 'set', 'port2', 'mtu', '1500');
    assert.equal(number(at('store:6162'), 'passesBytes'), 1_200);
  });

  await t.test('TLS is intercepted', async () => {
    site.rules(`chain before { type nat hook prerouting priority dstnat;
        ip daddr ${store} tcp dport 6162 redirect to :9004
      }`);
    const { at } = await site.finds({ ...standing, 'store:6162': 'tls-intercepted' });
    assert.match(String(at('store:6162')?.['issuer']), /CN=Test intermediate proxy/);
  });

  await t.test('addresses are translated, at either end', async () => {
    site.rules(`chain before { type nat hook prerouting priority dstnat;
        ip daddr ${store} tcp dport 6162 dnat to ${elsewhere}
      }
      chain after { type nat hook postrouting priority srcnat;
        ip saddr ${web} tcp dport 10006 snat to 10.1.7.7
      }`);
    const { at } = await site.finds({ ...standing, 'server:10006': 'nat', 'store:6162': 'nat' });
    assert.deepEqual([at('server:10006')?.['side'], at('server:10006')?.['seen']], ['source', '10.1.7.7']);
    assert.deepEqual([at('store:6162')?.['side'], at('store:6162')?.['seen']], ['destination', elsewhere]);
    // What the topology says of a translation is no surprise.
    site.describe(
      topology
        .replace('\nhosts:', '\n  home: { nat: [10.1.7.7] }\nhosts:')
        .replace('web: { zone: centre', 'web: { zone: home, preinstalled: true'),
    );
    await site.finds({ ...standing, 'store:6162': 'nat' });
    site.describe(topology);
  });

  await t.test('what is silent for two seconds is ended; the time-out is measured', async () => {
    site.rules(`chain before { type nat hook prerouting priority dstnat;
        ip daddr ${server} tcp dport 10006 redirect to :9005
      }`);
    const measure = async (): Promise<Diagnosis | undefined> => {
      const { results } = await site.finds({ ...standing, 'server:10006': 'nat, idle-killed' }, '--idle', '4s');
      return results.find(({ to, port }) => to === 'server' && port === 10006)?.diagnoses[1];
    };
    let idle = await measure();
    // Where the machine stood still for a second, so did the connection that is to be silent for one.
    for (let again = 0; again < 4 && number(idle, 'aliveMs') === 0; again += 1) idle = await measure();
    // Silences of one, two and four seconds: on a busy machine the second one may end just before the proxy's timer does.
    assert.ok([1_000, 2_000].includes(number(idle, 'aliveMs')), JSON.stringify(idle));
    assert.ok(number(idle, 'deadMs') >= 1_900 && number(idle, 'deadMs') <= 4_000, JSON.stringify(idle));
  });

  await t.test('names: one is not resolved, one leads elsewhere, one address has another', async () => {
    site.rules(`chain forward { type filter hook forward priority filter;
        ip daddr ${server} tcp dport 10006 reject with tcp reset
      }`);
    site.names(`${elsewhere} store.example.com\n${store} old.example.com\n`);
    const { results } = await site.finds({
      ...standing,
      server: 'name-unresolved',
      // Nothing there can be asked whether it listens.
      'server:10006': 'refused',
      store: 'names-disagree, names-disagree',
    });
    const names = results.find(({ to, port }) => to === 'store' && port === undefined);
    assert.deepEqual(
      names?.diagnoses.map(({ direction, found }) => [direction, found]),
      [
        ['forward', [elsewhere]],
        ['reverse', ['old.example.com']],
      ],
    );
    site.names(`${server} server.example.com\n${store} store.example.com\n`);
  });

  await t.test('no route, here or on the way', async () => {
    site.rules('');
    // The system tells of one packet in a second, and the others would seem to be dropped.
    router.sysctl({ 'net/ipv4/icmp_ratelimit': '0' });
    for (const address of [server, store]) router.ip('route', 'replace', 'unreachable', address);
    let onTheWay = await site.check();
    const kinds = () => new Set(Object.values(onTheWay.kinds));
    // All namespaces of a computer share another limit, of a thousand in a second.
    for (let attempt = 1; attempt < maxAttempts && kinds().size > 1; attempt += 1) onTheWay = await site.check();
    assert.deepEqual(kinds(), new Set(['no-route']));
    assert.equal(onTheWay.at('server:10006')?.['where'], 'on-the-way');
    site.network.host('web').namespace.ip('route', 'delete', 'default');
    const here = await site.check();
    assert.deepEqual(new Set(Object.values(here.kinds)), new Set(['no-route']));
    assert.equal(here.at('store:6162')?.['where'], 'here');
  });
});
