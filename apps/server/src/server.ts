import { hostname } from 'node:os';
import type { ChannelId } from '@holdfast/contract';
import { systemClock, toHoldfastError } from '@holdfast/core';
import { localTenant, writeFileDurably } from '@holdfast/protocol';
import { ChannelHistory, createWire } from '@holdfast/wire';
import { builtPagesFolder, PageFiles } from '@holdfast/wire/pages';
import { AuditExport } from './audit/audit-export.ts';
import { AuditLog } from './audit/audit-log.ts';
import { CertificateAuthority } from './authority/certificate-authority.ts';
import { BearerToken } from './bearer-token.ts';
import { Catalogue } from './catalogue/catalogue.ts';
import type { NoticeReference } from './catalogue/notices.ts';
import { AgentCarriers } from './computers/agent-carriers.ts';
import { AgentConnections } from './computers/agent-connections.ts';
import { forgetHeld } from './computers/computers.ts';
import { MoverLinks } from './computers/mover-link.ts';
import { Movers } from './computers/movers.ts';
import { Presence } from './computers/presence.ts';
import { parseServerConfig } from './config.ts';
import { DataDirectory } from './data-directory.ts';
import { databasePlace } from './database-place.ts';
import { Enrolment } from './enrolment/enrolment.ts';
import { createEnrolmentApp } from './enrolment/enrolment-app.ts';
import { Revocations } from './enrolment/revocations.ts';
import { EventHub } from './event-hub.ts';
import { openGrantIdentity } from './grant-identity.ts';
import { HealthWatch } from './health/health.ts';
import { serverProbes } from './health/probes.ts';
import { createIdentityService } from './identity/identity-service.ts';
import { readInstallation } from './installation.ts';
import { Instances } from './instances/instances.ts';
import { shareCatalogue } from './instances/share-catalogue.ts';
import { ComputerList } from './inventory/computer-list.ts';
import { Rescans } from './inventory/rescans.ts';
import { closeGraceMs } from './limits.ts';
import { describeListener, ownHello, portAmong, portOverrides } from './listening.ts';
import { MaintenanceScheduler } from './maintenance/maintenance-scheduler.ts';
import { RepositoryQueries } from './maintenance/repository-queries.ts';
import { FleetCounts } from './metrics/fleet-counts.ts';
import { MetricsSource } from './metrics/metrics-source.ts';
import { WorkCounts } from './metrics/work-counts.ts';
import { Notifications } from './notifications/notifications.ts';
import { OverviewCounts } from './overview/overview.ts';
import { StorageUsage } from './overview/storage-usage.ts';
import { keepRenewed, OwnCertificate, publicOrigin, publishedNames, serverNames } from './own-certificate.ts';
import { Approvals } from './people/approvals.ts';
import { mayGoOn } from './people/authentication.ts';
import { People } from './people/people.ts';
import { SetUp, setUpOrigin } from './people/set-up.ts';
import { AgentPolicies } from './policies/agent-policies.ts';
import { countsFrom } from './port-checks/counted-use.ts';
import { ownPortHandlers } from './port-checks/own-handlers.ts';
import { PortPeers } from './port-checks/port-peers.ts';
import { ReceiptLog } from './receipts/receipt-log.ts';
import { ConfigurationBackups } from './recovery/configuration-backups.ts';
import { KitKeeper } from './recovery/kit-keeper.ts';
import { accountHandlers } from './rest/account-handlers.ts';
import { auditExportHandlers } from './rest/audit-export-handlers.ts';
import { bandwidthRuleHandlers } from './rest/bandwidth-rule-handlers.ts';
import { browserHandlers } from './rest/browser-handlers.ts';
import { computerHandlers } from './rest/computer-handlers.ts';
import { drillHandlers } from './rest/drill-handlers.ts';
import { EventStreams } from './rest/event-stream.ts';
import { grantHandlers } from './rest/grant-handlers.ts';
import { groupHandlers } from './rest/group-handlers.ts';
import { Idempotency } from './rest/idempotency.ts';
import { jobHandlers } from './rest/job-handlers.ts';
import { maintenanceHandlers } from './rest/maintenance-handlers.ts';
import { networkHandlers } from './rest/network-handlers.ts';
import { notificationHandlers } from './rest/notification-handlers.ts';
import { overviewHandlers } from './rest/overview-handlers.ts';
import { policyHandlers } from './rest/policy-handlers.ts';
import { portCheckHandlers } from './rest/port-check-handlers.ts';
import { proofHandlers } from './rest/proof-handlers.ts';
import { ransomwareHandlers } from './rest/ransomware-handlers.ts';
import { Readiness } from './rest/readiness.ts';
import { recoveryHandlers } from './rest/recovery-handlers.ts';
import { repositoryHandlers } from './rest/repository-handlers.ts';
import { createRestApp, type RestHandlers } from './rest/rest-app.ts';
import { RouteRunner } from './rest/route-runner.ts';
import { runHandlers } from './rest/run-handlers.ts';
import { runLogHandlers } from './rest/run-log-handlers.ts';
import { type Listening, serverHandlers } from './rest/server-handlers.ts';
import { sessionHandlers } from './rest/session-handlers.ts';
import { supportHandlers } from './rest/support-handlers.ts';
import { userHandlers } from './rest/user-handlers.ts';
import type { RunningServer, ServerOptions } from './running-server.ts';
import { RunQueue } from './runs/run-queue.ts';
import { Runner } from './runs/runner.ts';
import { Scheduler } from './schedule/scheduler.ts';
import { Vault } from './vault.ts';

/** Channels of one port, and whether another port may stand in. */
const listeners: readonly {
  readonly channels: readonly ChannelId[];
  readonly app: 'rest' | 'enrolment' | 'signIn';
}[] = [
  { channels: ['client-to-server', 'metrics-to-server', 'recovery-media-identity'], app: 'rest' },
  { channels: ['windows-agent-control', 'windows-enrolment', 'recovery-media-token-sign-in'], app: 'enrolment' },
  { channels: ['posix-agent-control', 'mover-to-server', 'enrolment'], app: 'enrolment' },
  { channels: ['recovery-media-credential-sign-in'], app: 'signIn' },
];

/**
 * Starts a backup server. Needs no rights: where 443 can't be had another port stands in, and `listening` says why. Rejects
 * with `process.running` when another server uses the folder, `port.occupied` when 10005 or 10006 is taken, and
 * `usage.configuration`.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const config = parseServerConfig(options.config);
  const clock = options.clock ?? systemClock;
  const { logger } = options;
  const stack = new AsyncDisposableStack();
  try {
    const data = stack.use(await DataDirectory.open(options.dataDir));
    const { installation, serverId } = await readInstallation(data);
    const authority = await CertificateAuthority.open(data, { installation, clock });
    const lifetimeMs = config.certificateLifetimeDays * 86_400_000;
    const own = await OwnCertificate.open(data, authority, { serverId, names: serverNames(config), lifetimeMs, clock });
    await writeFileDurably(data.file('ca.pem'), authority.caPem);
    const vault = await Vault.open(data);
    const grants = await openGrantIdentity(data, { installation, clock });
    const token = await BearerToken.open(data, 'admin-token', 'hfa');
    const metricsToken = await BearerToken.open(data, 'metrics-token', 'hfm');
    const history = stack.use(
      await ChannelHistory.open({
        process: 'server',
        dataDir: data.path,
        clock,
        onFailure: (error) => logger.warn({ error }, 'counts of channel use'),
      }),
    );
    const trust: { revocations?: Revocations } = {};
    const wire = stack.use(
      createWire({
        role: 'backup-server',
        bind: config.bind,
        overrides: portOverrides(config.ports),
        identity: () => own.identity,
        // Nobody connects before the catalogue is open, which itself is reached through the wire.
        isRevoked: (serial) => trust.revocations?.isRevoked(serial) ?? true,
        onRefused: (error, remoteAddress) => logger.info({ error, remoteAddress }, 'connection refused'),
        clock,
      }),
    );
    history.follow(wire);
    const place = await databasePlace(config, data, wire);
    const catalogue = stack.use(await Catalogue.open(place));
    const instance = await data.readOrMake('instance-id', () => crypto.randomUUID());
    const audit = new AuditLog({ catalogue, instance, clock, logger });
    const revocations = await Revocations.open(catalogue, clock);
    trust.revocations = revocations;
    const { caFingerprint, caPem } = authority;
    const instances = stack.use(
      await Instances.join({
        catalogue,
        id: instance,
        name: hostname(),
        // Whoever has the file has the folder with its keys; a shared database may be given to anybody.
        facts: catalogue.notices
          ? { installation, serverId, caFingerprint, 'vault key': vault.fingerprint, 'identity key': grants.keyId }
          : {},
        clock,
        logger,
      }),
    );
    for (const tenant of await catalogue.tenants()) await forgetHeld(catalogue.tenant(tenant), instances.id);
    const tellOthers = (reference: NoticeReference) =>
      catalogue.notices?.send({ instance: instances.id, ...reference });
    const events = new EventHub(clock, tellOthers);
    const presence = new Presence({ catalogue, instances, events, clock });
    const links = stack.use(new MoverLinks(wire));
    const movers = new Movers({
      ...{ links, catalogue, revocations, presence, identityKeys: grants.keys, clock, logger },
    });
    const listening: Listening[] = [];
    const agentPolicies = new AgentPolicies({
      ...{ catalogue, movers, grants: grants.issuer, vault, events, clock, logger },
    });
    const connections = new AgentConnections({
      catalogue,
      instance: instances.id,
      presence,
      clock,
      logger,
      ownHello: () => ownHello(listening),
      serve: (agent) => agentPolicies.handlersFor(agent),
      tellOthers,
      onHeld: () => queue.agentConnected(),
    });
    const carriers = new AgentCarriers({ wire, connections, clock });
    const runner = new Runner({ instances, carriers, movers, grants: grants.issuer, vault, clock });
    const queue = new RunQueue({
      catalogue,
      instances,
      runner,
      receipts: new ReceiptLog(grants.receipts),
      events,
      clock,
      logger,
      parallelRuns: config.parallelRuns,
      slots: { perRepository: config.parallelRunsPerRepository, perMover: config.parallelRunsPerMover },
      maxRunMs: config.maxRunHours * 3_600_000,
    });
    const queries = new RepositoryQueries({ catalogue, carriers, movers, grants: grants.issuer, vault, clock, logger });
    const keeper = new KitKeeper({ catalogue, queries, clock, logger });
    const backups = new ConfigurationBackups({
      ...{ catalogue, place, data, movers, vault, config, installation, clock, logger },
    });
    const historyMs = config.historyDays * 86_400_000;
    const scheduler = new Scheduler({ catalogue, queue, events, vault, historyMs, clock, logger });
    const names = publishedNames(config);
    const facts = { installation, serverId, caFingerprint, identityKeys: grants.keys, startedAt: clock.now(), names };
    const fleet = new FleetCounts();
    const portChecks = portCheckHandlers({
      peers: new PortPeers({
        wire,
        connections,
        carriers,
        clock,
        own: ownPortHandlers({ bind: config.bind, caPem }),
      }),
      clock,
      logger,
      listening: () => listening,
      countsOf: countsFrom({ history, fleet, movers, connections, clock }),
    });
    const { startedAt } = facts;
    const work = new WorkCounts({ catalogue, clock });
    const probes = { catalogue, work, vault, presence, own, dataDir: data.path, clock, listening: () => listening };
    const health = new HealthWatch({ probes: serverProbes(probes), clock, logger });
    const metrics = new MetricsSource({
      ...{ catalogue, movers, connections, presence, history, fleet, work, clock, startedAt, logger },
    });
    const streams = new EventStreams();
    const unprotectedAfterMs = config.unprotectedAfterDays * 86_400_000;
    const list = new ComputerList({ presence, clock, unprotectedAfterMs });
    const notifications = new Notifications({
      ...{ catalogue, vault, wire, instance: instances.id, clock, logger },
      conditions: { presence, list, own, unprotectedAfterMs, offlineAfterMs: config.offlineAfterMinutes * 60_000 },
    });
    const auditExport = new AuditExport({ catalogue, audit, wire, instance: instances.id, clock, logger });
    const people = new People({
      ...{ catalogue, vault, config, localToken: token, clock },
      onRevoked: () => void recheckStreams(),
      onDelay: (name, address) => notifications.signInDelayed(name, address),
    });
    const { authentication } = people;
    const origin = (): string => publicOrigin(config, portAmong(listening, 'client-to-server'));
    const setUp = new SetUp({ vault, clock, origin: () => setUpOrigin(config, origin()) });
    const recheckStreams = (): Promise<void> =>
      streams
        .recheck(async (caller) => mayGoOn(caller, await authentication.now(caller)))
        .catch((error: unknown) => logger.error({ error: toHoldfastError(error) }, 'event streams were not rechecked'));
    const identity = await createIdentityService({
      ...{ catalogue, authority, people, vault, audit, wire, movers, queries, grants: grants.issuer, serverId, config },
      identityPort: () => portAmong(listening, 'recovery-media-identity'),
      publicOrigin: origin,
      revoked: async () => {
        await revocations.list();
        wire.recheckTrust();
        await movers.pushTrust();
      },
      ...{ clock, logger },
    });
    const enrolment = new Enrolment({
      catalogue,
      authority,
      clock,
      serverId,
      identityKeys: grants.keys,
      certificateLifetimeMs: lifetimeMs,
    });
    const enrolmentApp = await createEnrolmentApp({
      ...{ catalogue, audit, enrolment, recovery: identity.recovery, revocations },
      ...{ connections, presence, movers, clock, logger },
    });
    const approvals = new Approvals({
      catalogue,
      vault,
      authentication,
      mode: config.people.fourEyes,
      lifetimeMs: config.people.approvalHours * 3_600_000,
      clock,
    });
    const endLeft = (living: () => Promise<ReadonlySet<string>>): Promise<void> =>
      audit.recordLeft({
        living,
        onLeft: async (tenant, { action, subject }) => {
          if (action === 'approveRequest') await approvals.interrupt(tenant, subject);
        },
      });
    // This instance's own ones are of an earlier life: it has begun nothing yet.
    await endLeft(async () => (await instances.living()).difference(new Set([instance])));
    const rescans = new Rescans({
      ...{ catalogue, presence, movers, connections, clock, logger, csvFolder: config.csvFolder },
    });
    const handlers: RestHandlers = {
      ...serverHandlers({
        ...{ catalogue, wire, history, fleet, movers, connections, audit, authority, own },
        ...{ events, clock, logger, facts },
        listening: () => listening,
      }),
      ...bandwidthRuleHandlers({ movers, clock }),
      ...groupHandlers({
        ...{ rescans, movers, connections, caFingerprint, clock },
        ownNames: names,
        portOf: (channel) => portAmong(listening, channel),
      }),
      ...computerHandlers({
        list,
        rescans,
        presence,
        movers,
        connections,
        revocations,
        queue,
        recheckTrust: () => wire.recheckTrust(),
        caFingerprint,
        clock,
      }),
      ...proofHandlers(grants),
      ...repositoryHandlers({ vault, movers, clock }),
      ...grantHandlers({
        ...{ movers, caPem, clock, grants: grants.issuer, needsApproval: (tenant) => approvals.isNeeded(tenant) },
      }),
      ...identity.handlers,
      ...jobHandlers({ queue, events, vault, clock }),
      ...policyHandlers({ queue, events, vault, connections, movers, clock }),
      ...sessionHandlers({ queue, events, clock }),
      ...runHandlers({ queue, events, logger }),
      ...runLogHandlers({ queue, events }),
      health: () => health.now(),
      ...maintenanceHandlers({ catalogue, queue, queries, clock }),
      ...recoveryHandlers({ backups, keeper, catalogue, movers, queries, vault, clock }),
      ...drillHandlers({ catalogue, queue, clock }),
      ...ransomwareHandlers({ clock }),
      ...portChecks.handlers,
      ...networkHandlers({ ...portChecks, history, counts: fleet }),
      ...notificationHandlers({ notifications, instance: instances.id, vault, clock }),
      ...auditExportHandlers({ clock }),
      ...supportHandlers({
        ...{ catalogue, place, config, authority, own, metrics, data, vault, names, startedAt, clock },
        run: (route, asked) => routeRunner.run(route, asked),
      }),
      ...accountHandlers({ people, authentication, catalogue }),
      ...browserHandlers({ people, outside: identity.oauth.outside, setUp, catalogue }),
      ...overviewHandlers({ counts: new OverviewCounts({ list, approvals, clock }) }),
      ...userHandlers({ people, approvals, catalogue, run: (route, asked) => routeRunner.run(route, asked) }),
    };
    const routeRunner = new RouteRunner({ handlers, catalogue, audit, gate: approvals, logger });
    const readiness = new Readiness({ catalogue, clock });
    const restApp = await createRestApp({
      runner: routeRunner,
      authentication,
      audit,
      idempotency: new Idempotency({ catalogue, vault, clock }),
      streams,
      oauth: identity.oauth,
      publicOrigin: origin,
      console: new PageFiles({
        folder: config.consoleFolder ?? builtPagesFolder,
        index: 'index.html',
        clock,
        onFailure: (error) => logger.warn({ error }, 'the console was not read'),
      }),
      metrics: { token: metricsToken, text: () => metrics.text() },
      readiness,
      clock,
      logger,
    });
    const apps = {
      rest: restApp.http,
      identity: identity.apps.identity.http,
      enrolment: enrolmentApp.http,
      signIn: identity.apps.signIn.http,
    };
    // Undone in the opposite order: runs are left to the next start before the connections to their agents go.
    stack.defer(async () => {
      await Promise.all(Object.values(apps).map((http) => http.close({ graceMs: closeGraceMs })));
    });
    stack.use(connections);
    stack.use(queue);
    stack.use(portChecks);
    stack.use(streams);
    for (const { channels, app } of listeners) {
      const listener = await wire.listen(channels, {
        port: app === 'rest' ? 'fallback' : config.busyPorts,
        // Of a machine, to which its tokens are bound: whoever issued it, it proves nothing by itself.
        ...(app === 'rest' ? { foreignCertificates: 'admit' } : {}),
        // Whoever comes with the certificate of a recovery gets to the identity service, and to nothing else.
        onConnection: (connection) => {
          const isRecovery = app === 'rest' && connection.peer?.role === 'recovery';
          apps[isRecovery ? 'identity' : app].feed(connection);
        },
      });
      for (const channel of channels) listening.push(describeListener(listener, channel));
    }
    await queue.resume();
    readiness.started();
    const background = new AbortController();
    const loops = [
      movers.watch(background.signal),
      metrics.watch(background.signal),
      health.watch(background.signal),
      new MaintenanceScheduler({ catalogue, queue, presence, events, clock, logger }).watch(background.signal),
      rescans.watch(background.signal),
      keeper.watch(background.signal),
      new StorageUsage({ catalogue, movers, presence, clock, logger }).watch(background.signal),
      backups.watch(background.signal),
      notifications.watch(background.signal),
      auditExport.watch(background.signal),
      scheduler.watch(background.signal),
      keepRenewed(own, clock, background.signal, logger),
      streams.watch(recheckStreams, clock, background.signal),
      ...shareCatalogue({
        ...{ catalogue, instances, presence, connections, revocations, queue, events, logger },
        recheckTrust: () => wire.recheckTrust(),
        endLeft: () => endLeft(() => instances.living()),
        signal: background.signal,
      }),
    ];
    const watching = Promise.all(loops).catch((error: unknown) => {
      if (!background.signal.aborted) logger.fatal({ error: toHoldfastError(error) }, 'background work ended');
    });
    stack.defer(async () => {
      background.abort();
      await watching;
    });
    logger.info({ listening, installation }, 'server started');
    const running = stack.move();
    return {
      installation,
      serverId,
      caFingerprint,
      listening,
      tokenFile: data.file('admin-token'),
      caFile: data.file('ca.pem'),
      setUp: (await setUp.isNeeded(catalogue.tenant(localTenant))) ? setUp.code() : undefined,
      portOf: (channel) => portAmong(listening, channel),
      [Symbol.asyncDispose]: async () => {
        await running.disposeAsync();
        logger.info('server stopped');
      },
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}
