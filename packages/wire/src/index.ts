export type { CertificateRole } from '@holdfast/contract';
export {
  addCounts,
  ChannelHistory,
  type ChannelReport,
  channelReportOf,
  readChannelReport,
  withoutFuture,
} from './channel-history.ts';
export { type Connection, transferredOver } from './connection.ts';
export { entityTag, namesTag } from './entity-tag.ts';
export type { ClientCertificate } from './handshake.ts';
export {
  type HttpBody,
  type HttpClient,
  type HttpClientOptions,
  type HttpRequest,
  type HttpResponse,
  httpClient,
  singleConnection,
} from './http-client.ts';
export { createHttpServer, type HttpServerOnConnections, type HttpServerOptions } from './http-server.ts';
export {
  certificateFingerprint,
  type Identity,
  identityOf,
  type PeerIdentity,
  parseFingerprint,
  parseSubjectAltName,
  peerIdentity,
} from './identity.ts';
export type { Lease } from './lease.ts';
export type { Listener } from './listener.ts';
export type { ChannelCounts, ChannelRefusals, ChannelTraffic, ChannelUse } from './meter.ts';
export { outsideError, outsideTls, type ResolveName } from './outside.ts';
export type { PortOverride, PortOverrides, PortPolicy } from './ports.ts';
export { type PresentedCertificate, presentedBy } from './presented-certificate.ts';
export { pipe, type Relayed } from './relay.ts';
export { requestBody, takeRest } from './request-body.ts';
export { securityHeaders } from './security-headers.ts';
export { systemCaPem } from './system-cas.ts';
export { createWire, type Wire } from './wire.ts';
export type {
  DialOptions,
  LeaseDialOptions,
  LeaseRequest,
  ListenOptions,
  LocalListener,
  LocalListenOptions,
  OutsideDialOptions,
  SecureOptions,
  WireOptions,
} from './wire-options.ts';
