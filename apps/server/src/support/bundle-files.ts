import type { Clock } from '@holdfast/core';
import { type Route, type Routes, type Run, routes } from '@holdfast/protocol';
import {
  type BundleFile,
  certificateFacts,
  keptLines,
  type LeftOut,
  processFacts,
  productFacts,
  shown,
  shownLine,
} from '@holdfast/support';
import type { CertificateAuthority } from '../authority/certificate-authority.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { DatabasePlace } from '../catalogue/database.ts';
import type { ServerConfig } from '../config.ts';
import type { DataDirectory } from '../data-directory.ts';
import type { OwnCertificate } from '../own-certificate.ts';
import type { RestRequest } from '../rest/route-runner.ts';
import { catalogueFacts, countsOf } from './catalogue-facts.ts';
import { bundledPages, bundledRunLogs, bundledRuns, bundledSessions } from './limits.ts';
import { shownServerConfig } from './shown-configuration.ts';

export interface BundleSources {
  readonly catalogue: Catalogue;
  readonly place: DatabasePlace;
  readonly config: ServerConfig;
  readonly authority: Pick<CertificateAuthority, 'caPem' | 'issuerPem'>;
  readonly own: Pick<OwnCertificate, 'identity'>;
  readonly metrics: { text(): Promise<string> };
  /** Has the last lines of this server's log. */
  readonly data: Pick<DataDirectory, 'path'>;
  readonly startedAt: Date;
  readonly clock: Clock;
}

/** Asks for the answer of a route as whoever asked for the bundle: with their rights, and in the form that the route describes. */
export type AskRoute = (
  name: keyof Routes,
  asked?: { readonly params?: object; readonly query?: object },
) => Promise<unknown>;

/** What a bundle of the server does not have. */
export const leftOutOfServer: readonly LeftOut[] = [
  { what: 'passwords, keys, tokens, grants, second factors', why: 'secrets' },
  { what: 'files of the data directory: the vault, the CA, the database', why: 'secrets' },
  {
    what: 'what is in backups, also names of files, but for those in messages of runs',
    why: "none of it is the server's business",
  },
  { what: 'accounts, sessions and tokens of people', why: 'personal; counts.json has how many there are' },
  { what: 'destinations of notifications and their settings', why: 'addresses and secrets of others' },
  { what: 'the audit', why: 'personal; `holdfast audit export` writes it' },
  {
    what: 'other log lines than the last ones, and facts in them that are not on a list',
    why: 'they are long, and new facts are not told unseen',
  },
  { what: 'agents and movers', why: '`holdfast support-bundle --local` on their computers makes one of theirs' },
];

/** The files of a bundle of the server, each made when it is its turn. */
export async function* bundleFiles(
  o: BundleSources & { request: Pick<RestRequest<Route>, 'scope' | 'signal'>; ask: AskRoute },
): AsyncGenerator<BundleFile> {
  const { ask, request, clock } = o;
  yield json('product.json', 'version, computer and time', () => ({
    ...productFacts(clock),
    startedAt: o.startedAt.toISOString(),
  }));
  yield json('status.json', 'installation, names and listening ports', () => ask('status'));
  yield json('health.json', 'each part of the server: state, reason, since when', () => ask('health'));
  yield json('configuration.json', 'the settings of this server that are no secrets', () =>
    shown(o.config, shownServerConfig),
  );
  yield json('process.json', 'memory, use of the processor, delay of the event loop', () =>
    processFacts(request.signal),
  );
  yield json('catalogue.json', 'database, migrations, rows and sizes of its tables', () =>
    catalogueFacts(o.catalogue, o.place),
  );
  yield json('counts.json', 'how many there are of what', () => countsOf(request.scope));
  yield json('certificates.json', 'the CA and this server: subjects and dates', () => ({
    root: certificateFacts(o.authority.caPem),
    issuer: certificateFacts(o.authority.issuerPem),
    server: certificateFacts(o.own.identity?.certificatePem ?? ''),
  }));
  yield { file: 'metrics.txt', what: 'what Prometheus reads', content: async () => ({ text: await o.metrics.text() }) };
  yield lines('computers.jsonl', 'computers: state, version, certificate', ask, 'computers');
  yield lines('groups.jsonl', 'protection groups', ask, 'groups');
  yield lines('repositories.jsonl', 'repositories and what is done to them', ask, 'repositories');
  yield lines('jobs.jsonl', 'jobs', ask, 'jobs');
  yield lines('policies.jsonl', 'policies', ask, 'policies');
  yield json('sessions.json', `the last ${bundledSessions} sessions`, () =>
    ask('sessions', { query: { limit: bundledSessions } }),
  );
  const failed: Run[] = [];
  yield {
    file: 'runs.jsonl',
    what: `of the last runs up to ${bundledRuns} that did not succeed`,
    content: async () => {
      for await (const run of pages(ask, 'runs', routes.run.response)) {
        if (run.state === 'succeeded' || run.state === 'queued') continue;
        failed.push(run);
        if (failed.length >= bundledRuns) break;
      }
      return { lines: failed };
    },
  };
  for (const { id } of failed.slice(0, bundledRunLogs))
    yield {
      file: `run-logs/${id}.jsonl`,
      what: 'the log of a run',
      content: () => ({ lines: pages(ask, 'runLog', undefined, { id }) }),
    };
  yield json('maintenance.json', 'backups of the configuration', () => ask('configurationBackups'));
  yield json('channel-use.json', 'how much each channel was used, by process', () => ask('channelUse'));
  for (const [kind, list, results] of [
    ['port-checks', 'portChecks', 'portCheckResults'],
    ['port-audits', 'portAudits', 'portAuditResults'],
  ] as const)
    yield json(`${kind}.json`, `the last ${kind.replace('-', ' ')}, and what the newest one found`, async () => {
      const listed = (await ask(list)) as { checks?: { id: string }[]; audits?: { id: string }[] };
      const newest = (listed.checks ?? listed.audits)?.[0];
      const found = newest ? await ask(results, { params: { id: newest.id }, query: { only: 'problems' } }) : {};
      return Object.assign({}, listed, found);
    });
  yield json('notifications.json', 'what waits to be sent, or was given up: no recipients, no texts', async () => {
    const { notifications } = routes.notifications.response.parse(
      await ask('notifications', { query: { limit: 1000 } }),
    );
    return notifications.map(({ id, destination, event, severity, createdAt, state, attempts, dueAt, lastError }) => ({
      ...{ id, destination, event, severity, createdAt, state, attempts, dueAt, lastError: lastError?.code },
    }));
  });
  yield {
    file: 'log.jsonl',
    what: "the last lines of this server's log",
    content: () => ({ lines: shownLines(keptLines(o.data.path)), keep: 'last' }),
  };
}

function json(file: string, what: string, make: () => unknown): BundleFile {
  return { file, what, content: async () => ({ json: await make() }) };
}

function lines(file: string, what: string, ask: AskRoute, route: keyof Routes): BundleFile {
  return { file, what, content: () => ({ lines: pages(ask, route) }) };
}

/** The items of a list, page by page, so far as a bundle goes. */
async function* pages<Item = unknown>(
  ask: AskRoute,
  name: keyof Routes,
  schema?: { parse(value: unknown): Item },
  params: object = {},
): AsyncGenerator<Item> {
  let after: string | undefined;
  for (let page = 0; page < bundledPages; page += 1) {
    const query = 'limit' in routes[name].query.shape ? { limit: 1000, ...(after === undefined ? {} : { after }) } : {};
    const answer = (await ask(name, { params, query })) as Record<string, unknown> & { next?: string | number };
    const items = Object.values(answer).find(Array.isArray) ?? [];
    for (const item of items) yield schema ? schema.parse(item) : (item as Item);
    if (answer.next === undefined) return;
    after = String(answer.next);
  }
}

async function* shownLines(texts: AsyncIterable<string>): AsyncGenerator<unknown> {
  for await (const text of texts) yield shownLine(text);
}
