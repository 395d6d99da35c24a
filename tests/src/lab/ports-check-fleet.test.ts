import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { planTopology } from '@holdfast/contract/plan';
import { parseTopology } from '@holdfast/contract/topology';
import { exitStatus } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { Fleet, LabNetwork } from '@holdfast/lab';
import { labNeeds } from './lab-needs.ts';

/** `holdfast ports check --fleet` and `ports audit --fleet`: real processes of every role, on a routed network with real firewalls. */

const topology = `name: fleet
zones:
  site: { addresses: [10.1.0.0/16] }
hosts:
  server: { zone: site, addresses: [10.1.0.10], roles: [backup-server] }
  store: { zone: site, addresses: [10.1.0.11], roles: [repository-linux] }
  web: { zone: site, addresses: [10.1.1.21], roles: [agent-linux] }
`;
const store = '10.1.0.11';
const web = '10.1.1.21';
const cli = new URL('../../../apps/cli/src/main.mjs', import.meta.url).pathname;
const middlebox = new URL('middlebox.ts', import.meta.url).pathname;

interface Checked {
  readonly check: { readonly state: string; readonly total: number; readonly done: number };
  readonly results: readonly {
    readonly from: string;
    readonly to: string;
    readonly outcome: string;
    readonly firstPort?: number;
    readonly lastPort?: number;
    readonly how?: string;
    readonly rule?: string;
    readonly reason?: string;
    readonly diagnoses: readonly { readonly diagnosis: { readonly kind: string; readonly holder?: string } }[];
  }[];
}

interface Audited {
  readonly results: readonly {
    readonly host: string;
    readonly by?: string;
    readonly outcome: string;
    readonly findings: readonly { readonly kind: string; readonly subject: string }[];
  }[];
}

class Site {
  readonly fleet: Fleet;
  readonly #access: readonly string[];

  private constructor(fleet: Fleet, access: readonly string[]) {
    this.fleet = fleet;
    this.#access = access;
  }

  static async open(t: TestContext): Promise<Site> {
    const plan = planTopology(parseTopology(topology));
    const places = plan.hosts.map(({ name, zone, addresses }) => ({ name, zone, addresses }));
    const network = LabNetwork.build(places, { folder: temporaryFolder(t), program: [process.execPath, cli] });
    t.after(() => network[Symbol.asyncDispose]());
    const fleet = await Fleet.start(network, plan);
    return new Site(fleet, await fleet.accessFor(fleet.server.host));
  }

  /** On the server's computer, as its administrator. */
  run(...args: readonly string[]) {
    return this.fleet.server.host.holdfast(['ports', ...args, ...this.#access]);
  }

  async json<Form>(...args: readonly string[]): Promise<{ readonly status: number } & Form> {
    const { status, stdout, stderr } = await this.run(...args, '--json');
    assert.notEqual(stdout, '', stderr);
    return { status, ...(JSON.parse(stdout) as Form) };
  }

  /** What of the fleet's check is not open: who, whom, where, what. */
  async problems(): Promise<{ readonly status: number; readonly lines: readonly string[]; readonly all: Checked }> {
    const all = await this.json<Checked>('check', '--fleet');
    assert.equal(all.check.state, 'finished');
    assert.equal(all.check.done, all.check.total);
    const lines = all.results
      .filter(({ outcome }) => outcome !== 'open')
      .map(({ from, to, firstPort, lastPort, outcome, diagnoses, reason = '' }) =>
        [from, to, `${firstPort}-${lastPort}`, outcome, ...diagnoses.map(({ diagnosis }) => diagnosis.kind), reason]
          .join(' ')
          .trim(),
      );
    return { status: all.status, lines: lines.toSorted(), all };
  }

  /** Rules of one computer, in the place of those before. */
  rules(host: 'store' | 'web', text: string): void {
    this.fleet.network
      .host(host)
      .namespace.nft(`table inet test {}\ndelete table inet test\ntable inet test {\n${text}\n}\n`);
  }
}

test('the server has its fleet try every opening, and tell what is closed', { skip: labNeeds }, async (t) => {
  const site = await Site.open(t);
  const { network } = site.fleet;

  await t.test('everything is open: services answer, and data ports wait for the check alone', async () => {
    const { status, lines, all } = await site.problems();
    assert.deepEqual(lines, []);
    assert.equal(status, exitStatus.success);
    const how = new Map(all.results.map((one) => [`${one.from} ${one.to} ${one.firstPort}-${one.lastPort}`, one.how]));
    assert.deepEqual(
      how,
      new Map([
        ['server store 6162-6162', 'service'],
        ['server web 6162-6162', 'service'],
        ['store server 10006-10006', 'service'],
        ['web server 10006-10006', 'service'],
        ['web store 2500-3300', 'probe'],
        ['web store 6162-6162', 'service'],
      ]),
    );
    for (const name of ['store', 'web']) {
      const { stdout } = await network.host(name).run('ss', ['-Hltn']);
      assert.doesNotMatch(stdout, /:(2500|2700|2900|3100|3300)\b/, 'nothing waits any more');
    }
  });

  await t.test('a closed range, a rejected port, and a port that another program has', async (t) => {
    const squatter = network.host('store').namespace.spawn(process.execPath, [middlebox, 'greet', '2900']);
    t.after(async () => {
      squatter.kill();
      if (squatter.exitCode === null && squatter.signalCode === null) await once(squatter, 'exit');
    });
    assert.ok(squatter.stdout);
    await once(squatter.stdout, 'data');
    const busy = await site.problems();
    assert.deepEqual(busy.lines, ['web store 2900-2900 failed port-in-use']);
    const [held] = busy.all.results.filter(({ outcome }) => outcome === 'failed');
    // Only the server is told whose it is.
    assert.match(held?.diagnoses[0]?.diagnosis.holder ?? '', /^node\S* \(pid \d+\)$/);

    site.rules(
      'store',
      `chain input { type filter hook input priority filter;
        ip saddr ${web} tcp dport 2500-3300 drop
      }`,
    );
    site.rules(
      'web',
      `chain output { type filter hook output priority filter;
        ip daddr ${store} tcp dport 6162 reject with tcp reset
      }`,
    );
    const { status, lines, all } = await site.problems();
    assert.equal(status, exitStatus.failed);
    assert.deepEqual(lines, ['web store 2500-3300 failed dropped', 'web store 6162-6162 failed refused']);
    assert.deepEqual(all.results.flatMap(({ rule }) => rule ?? []).toSorted(), [
      `tcp 2500-3300 from web (${web}) to store (${store})`,
      `tcp 6162 from web (${web}) to store (${store})`,
    ]);
    const { stdout } = await site.run('check', '--fleet', '--host', 'store');
    assert.match(stdout, /^web +store +10\.1\.0\.11 +2500-3300 \(5 tried\) +dropped +agent-to-mover-data$/m);
    assert.match(stdout, /^ {2}The rule: tcp 2500-3300 from web \(10\.1\.1\.21\) to store \(10\.1\.0\.11\)$/m);
    assert.match(stdout, /^ {2}Why: holdfast ports plan TOPOLOGY --why store:2500-3300$/m);
    assert.doesNotMatch(stdout, /^web +server /m);
    site.rules('store', '');
    site.rules('web', '');
  });

  await t.test('every port of the range', async () => {
    const { status, results } = await site.json<Checked>('check', '--fleet', '--all-ports', '--host', 'store');
    assert.equal(status, exitStatus.success);
    const data = results.find(({ firstPort }) => firstPort === 2500);
    assert.deepEqual([data?.lastPort, data?.outcome], [3300, 'open']);
  });

  await t.test('every computer audits itself; what is missing in one firewall is found from the server', async () => {
    const audit = async () => {
      const { status, results } = await site.json<Audited>('audit', '--fleet', '--otherwise', 'leave');
      const found = results.flatMap(({ host, findings }) =>
        findings.map(({ kind, subject }) => `${host} ${kind} ${subject}`),
      );
      return { status, results, found: found.toSorted() };
    };
    const clean = await audit();
    assert.deepEqual(
      clean.results.map(({ host, by, outcome }) => [host, by, outcome]),
      [
        ['server', 'server', 'unaudited'],
        ['store', 'mover', 'as-planned'],
        ['web', 'agent', 'as-planned'],
      ],
    );
    assert.equal(clean.status, exitStatus.incomplete);
    site.rules(
      'store',
      `chain input { type filter hook input priority filter; policy accept;
        tcp dport 2500-3300 drop
      }`,
    );
    const { status, found } = await audit();
    assert.equal(status, exitStatus.failed);
    assert.deepEqual(found, ['store opening-missing tcp 2500-3300 from web']);
    site.rules('store', '');
  });

  await t.test('a computer that has gone is named, and the others are checked', async () => {
    await network.host('store').process('mover').end();
    const { status, lines } = await site.problems();
    assert.equal(status, exitStatus.failed);
    assert.match(
      lines.join('\n'),
      /^web store undefined-undefined unchecked the mover on store does not wait there: /m,
    );
    assert.match(lines.join('\n'), /^web store 6162-6162 failed refused$/m);
    assert.ok(!lines.some((line) => line.startsWith('web server')));
  });
});
