/** `npm run bench:fleet [-- options]`: how much one server carries, by agents that speak the real protocol. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { TestPostgres } from '@holdfast/server/testing';
import { prepareInstallation } from './installation.ts';
import { type Conditions, type Measured, measureFleet } from './measure-fleet.ts';
import { renderFleet } from './report.ts';

const usage = `usage: npm run bench:fleet [-- options]
Agents that speak the real protocol, connected to one server over mutual TLS, and a run of a job on all of them at once.

  --agents LIST    how many, separated by commas (default: 1000,3000; 10,000 take some 6 GiB of memory in all)
  --postgres       three instances on a PostgreSQL of their own, instead of one on a file
  --kills N        with --postgres, after the first run of all: instances killed at random, while further ones go on (default: 20)
  --kill-every-s N from the return of one to the next kill, on average (default: 15); it is away for up to 20 s
  --task-ms N      how long an agent takes for its task (default: 2000)
  --settle-s N     how long the agents only stay connected before (default: 65, so that each has sent a heartbeat)
  --reads N        requests in a second meanwhile, of lists that people look at (default: 20)
  --give-up-s N    how long the end of all is waited for (default: 1800); what is not done then is counted
  --folder DIR     keeps what was enrolled there, for the next time; not with --postgres
  --help`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      agents: { type: 'string', default: '1000,3000' },
      postgres: { type: 'boolean', default: false },
      kills: { type: 'string', default: '20' },
      'kill-every-s': { type: 'string', default: '15' },
      'task-ms': { type: 'string', default: '2000' },
      'settle-s': { type: 'string', default: '65' },
      reads: { type: 'string', default: '20' },
      'give-up-s': { type: 'string', default: '1800' },
      folder: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const sizes = values.agents.split(',').map(Number);
  const conditions: Conditions = {
    ...(values.postgres ? { instances: 3, kills: Number(values.kills) } : { instances: 1, kills: 0 }),
    killEveryMs: Number(values['kill-every-s']) * 1000,
    taskMs: Number(values['task-ms']),
    settleMs: Number(values['settle-s']) * 1000,
    readsPerSecond: Number(values.reads),
    giveUpMs: Number(values['give-up-s']) * 1000,
  };
  const { kills, ...positive } = conditions;
  const numbers = [...sizes, ...Object.values(positive), kills + 1];
  if (values.help || !numbers.every((one) => Number.isInteger(one) && one > 0)) {
    console.log(usage);
    return values.help ? 0 : 2;
  }
  const measured: Measured[] = [];
  for (const agentCount of sizes) {
    measured.push(...(await measureOne(conditions, { agentCount, postgres: values.postgres, folder: values.folder })));
    console.log(renderFleet(measured));
  }
  return measured.every(({ twice, never, failed }) => twice + never + failed === 0) ? 0 : 1;
}

async function measureOne(
  conditions: Conditions,
  o: { agentCount: number; postgres: boolean; folder: string | undefined },
): Promise<Measured[]> {
  const say = (text: string): void => console.error(text);
  const over: (() => void | Promise<void>)[] = [];
  let folder: string;
  if (o.folder === undefined || o.postgres) {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-fleet-'));
    over.push(() => rmSync(folder, { recursive: true, force: true }));
  } else folder = join(resolve(o.folder), String(o.agentCount));
  try {
    let database: string | undefined;
    if (o.postgres) {
      const cluster = await TestPostgres.start({ after: (end) => void over.push(end) }, { durable: true });
      await cluster.statement('create database fleet');
      database = cluster.url('fleet');
    }
    const installation = await prepareInstallation({ folder, agentCount: o.agentCount, database, say });
    return await measureFleet({ ...conditions, installation, database, say });
  } finally {
    for (const end of over.toReversed()) await end();
  }
}
