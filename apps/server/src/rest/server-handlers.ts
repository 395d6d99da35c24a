import { X509Certificate } from 'node:crypto';
import { type Clock, productVersion } from '@holdfast/core';
import { type IdentityKey, openApiDocument, routes } from '@holdfast/protocol';
import { type ChannelHistory, certificateFingerprint, parseSubjectAltName, type Wire } from '@holdfast/wire';
import type { Logger } from 'pino';
import type { AuditLog } from '../audit/audit-log.ts';
import type { CertificateAuthority } from '../authority/certificate-authority.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { AgentConnections } from '../computers/agent-connections.ts';
import type { Movers } from '../computers/movers.ts';
import type { EventHub } from '../event-hub.ts';
import { inventoryTopology } from '../inventory-topology.ts';
import type { FleetCounts } from '../metrics/fleet-counts.ts';
import type { OwnCertificate } from '../own-certificate.ts';
import { kitState } from '../recovery/recovery-kits.ts';
import { collectChannelUse } from './channel-use.ts';
import type { RestHandlers } from './rest-app.ts';
import { visibleEvents } from './visible-events.ts';

/** A listener, as the start-up prints it and the API reports it. */
export interface Listening {
  readonly channel: string;
  readonly host: string;
  readonly port: number;
  /** Why it is not the contract's port. */
  readonly reason?: string;
}

export function serverHandlers(o: {
  catalogue: Catalogue;
  wire: Wire;
  history: ChannelHistory;
  fleet: FleetCounts;
  movers: Movers;
  connections: AgentConnections;
  audit: AuditLog;
  authority: Pick<CertificateAuthority, 'caPem' | 'issuerPem'>;
  own: Pick<OwnCertificate, 'identity'>;
  events: EventHub;
  clock: Clock;
  logger: Logger;
  facts: {
    installation: string;
    serverId: string;
    caFingerprint: string;
    identityKeys: readonly IdentityKey[];
    startedAt: Date;
    /** Where other computers find this server, as far as it knows. */
    names: readonly string[];
  };
  listening: () => readonly Listening[];
}): Pick<RestHandlers, 'openapi' | 'status' | 'certificates' | 'channelUse' | 'topology' | 'events' | 'audit'> {
  const document = openApiDocument(Object.values(routes), { title: 'Holdfast', version: productVersion });
  const { serverId, startedAt, installation, caFingerprint, identityKeys, names } = o.facts;
  return {
    openapi: async () => document,
    status: async ({ scope }) => ({
      productVersion,
      installation,
      caFingerprint,
      // Whoever is confined to some groups is told too: it is about their backups.
      recoveryKit: await kitState(o.catalogue.tenant(scope.tenant)),
      names: [...names],
      identityKeys: [...identityKeys],
      startedAt: startedAt.toISOString(),
      listening: o.listening().map(({ host, ...rest }) => ({ address: host, ...rest })),
    }),
    certificates: async () => ({
      certificates: [
        certificateView('root', o.authority.caPem),
        certificateView('issuer', o.authority.issuerPem),
        ...(o.own.identity ? [certificateView('server', o.own.identity.certificatePem)] : []),
      ],
    }),
    channelUse: async ({ scope, signal }) => ({
      processes: await collectChannelUse({ ...o, serverId }, scope, signal),
    }),
    topology: ({ scope }) => inventoryTopology(scope, { listening: o.listening(), name: 'holdfast' }),
    events: async ({ scope }, open) => {
      const stream = open();
      using _subscription = o.events.subscribe(scope.tenant, {
        onEvent: visibleEvents(scope, { stream, logger: o.logger }),
        // Clients connect again, and read what they missed.
        onGap: () => stream.end(),
      });
      await stream.closed;
    },
    audit: ({ scope, query }) => o.audit.read(scope.tenant, query),
  };
}

/** Of a text with several certificates, the first. */
function certificateView(kind: 'root' | 'issuer' | 'server', pem: string) {
  const certificate = new X509Certificate(pem);
  const names = parseSubjectAltName(certificate.subjectAltName ?? '');
  return {
    kind,
    subject: certificate.subject,
    names: names.filter(({ kind: type }) => type !== 'URI').map(({ value }) => value),
    serial: certificate.serialNumber.toLowerCase(),
    fingerprint: `sha256:${certificateFingerprint(certificate)}`,
    validFrom: certificate.validFromDate.toISOString(),
    expiresAt: certificate.validToDate.toISOString(),
    pem: certificate.toString(),
  };
}
