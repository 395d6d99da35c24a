import { type ChannelSpec, everyAgent, port, posixAgents } from '../channel-spec.ts';

const storageSide = ['gateway', 'backup-server', 'agent-windows'] as const;
const direct = 'only where backups go to object storage';
const byDevice = 'The port is whatever the device is set to; the address in the configuration carries it.';

const s3Hosts = [
  { host: '*.amazonaws.com', region: 'global' },
  { host: '*.amazonaws.com', region: 'government' },
  { host: '*.amazonaws.com.cn', region: 'china' },
] as const;
const blobHosts = [
  { host: '<storage-account>.blob.core.windows.net', region: 'global' },
  { host: '<storage-account>.blob.core.chinacloudapi.cn', region: 'china' },
  { host: '<storage-account>.blob.core.usgovcloudapi.net', region: 'government' },
] as const;
const gcsHosts = [{ host: 'storage.googleapis.com' }] as const;
const vaultHosts = [{ host: '<storage-account>.blob.core.windows.net' }] as const;
const s3StatusHosts = [{ host: '*.amazontrust.com' }, { host: '*.cloudfront.net' }] as const;
const blobStatusHosts = [{ host: 'ocsp.digicert.com' }, { host: 'oneocsp.microsoft.com' }] as const;
const gcsStatusHosts = [{ host: 'ocsp.pki.goog' }, { host: 'pki.goog' }, { host: 'crl.pki.goog' }] as const;

/** Fields that every store reached over the storage side's own HTTPS has in common. */
const api = {
  from: storageSide,
  transport: 'tcp',
  condition: direct,
  options: ['object-storage'],
  dialledBy: ['mover', 'agent'],
  application: 'HTTPS',
  security: 'public-tls',
  features: ['object-storage'],
} as const;

const status = {
  from: storageSide,
  transport: 'tcp',
  ports: [port(80)],
  condition: direct,
  options: ['object-storage'],
  dialledBy: ['mover', 'agent'],
  application: 'HTTP (CRL, OCSP)',
  security: 'none',
  features: ['certificate-checks'],
  note: 'The hosts can change; each certificate names the ones that count.',
} as const;

/**
 * Object storage, through a gateway or straight from the agent. Where a row says "backup server" it is the mover beside
 * the server that connects: no backup byte passes the server itself.
 */
export const objectStorage = [
  {
    ...api,
    id: 's3-api',
    to: ['s3'],
    ports: [port(443)],
    endpoints: s3Hosts,
    purpose: 'Stores and reads backups in Amazon S3.',
    rows: ['gateway-or-server-to-s3.api', 'standalone-agent-to-s3.api'],
  },
  {
    ...status,
    id: 's3-certificate-status',
    to: ['s3', 'crl'],
    endpoints: s3StatusHosts,
    purpose: 'Checks whether certificates of Amazon S3 are revoked.',
    rows: ['gateway-or-server-to-s3.cert-status', 'standalone-agent-to-s3.cert-status'],
  },
  {
    ...api,
    id: 'azure-blob-api',
    to: ['azure-blob'],
    ports: [port(443)],
    endpoints: blobHosts,
    purpose: 'Stores and reads backups in Azure Blob storage.',
    rows: ['gateway-or-server-to-azure-blob.api', 'standalone-agent-to-azure-blob.api'],
  },
  {
    ...status,
    id: 'azure-blob-certificate-status',
    to: ['azure-blob', 'crl'],
    endpoints: blobStatusHosts,
    purpose: 'Checks whether certificates of Azure Blob storage are revoked.',
    rows: ['gateway-or-server-to-azure-blob.cert-status', 'standalone-agent-to-azure-blob.cert-status'],
  },
  {
    ...api,
    id: 'gcs-api',
    to: ['gcs'],
    ports: [port(443)],
    endpoints: gcsHosts,
    purpose: 'Stores and reads backups in Google Cloud Storage.',
    rows: ['gateway-or-server-to-gcs.api', 'standalone-agent-to-gcs.api'],
  },
  {
    ...status,
    id: 'gcs-certificate-status',
    to: ['gcs', 'crl'],
    endpoints: gcsStatusHosts,
    purpose: 'Checks whether certificates of Google Cloud Storage are revoked.',
    rows: ['gateway-or-server-to-gcs.cert-status', 'standalone-agent-to-gcs.cert-status'],
  },
  {
    ...api,
    id: 'ibm-cos-api',
    to: ['ibm-cos'],
    ports: [],
    configuredPort: true,
    purpose: 'Stores and reads backups in IBM Cloud Object Storage.',
    rows: ['gateway-or-server-to-ibm-cos.api', 'standalone-agent-to-ibm-cos.api'],
    note: byDevice,
  },
  {
    ...api,
    id: 's3-compatible-api',
    to: ['s3-compatible'],
    ports: [],
    configuredPort: true,
    purpose: 'Stores and reads backups in a store of another make that speaks the S3 interface.',
    rows: ['gateway-or-server-to-s3-compatible.api', 'standalone-agent-to-s3-compatible.api'],
    note: byDevice,
  },
  {
    ...api,
    id: 'vault-api',
    from: ['gateway', 'backup-server'],
    to: ['vault'],
    ports: [port(443)],
    dialledBy: ['mover'],
    endpoints: vaultHosts,
    purpose: 'Stores and reads backups in the hosted vault.',
    rows: ['gateway-or-server-to-vault.api'],
  },
  {
    ...api,
    id: 'agent-to-vault',
    from: everyAgent,
    to: ['vault'],
    ports: [port(443)],
    dialledBy: ['agent'],
    endpoints: vaultHosts,
    purpose: 'An agent stores and reads backups in the hosted vault without a gateway.',
    reason: 'Direct mode: the vault speaks the Azure Blob interface, which agents speak anyway.',
  },
  {
    ...api,
    id: 'posix-agent-to-object-storage',
    from: posixAgents,
    to: ['s3', 'azure-blob', 'gcs'],
    ports: [port(443)],
    dialledBy: ['agent'],
    endpoints: [...s3Hosts, ...blobHosts, ...gcsHosts],
    purpose: 'Agents on Linux, Unix and macOS store and read backups in object storage without a gateway.',
    reason: 'Direct mode works on every platform; the rows name Windows only.',
  },
  {
    ...status,
    id: 'posix-agent-to-certificate-status',
    from: posixAgents,
    to: ['crl'],
    dialledBy: ['agent'],
    endpoints: [...s3StatusHosts, ...blobStatusHosts, ...gcsStatusHosts],
    purpose: 'Agents on Linux, Unix and macOS check whether certificates of object storage are revoked.',
    reason: 'Direct mode works on every platform; the rows name Windows only.',
  },
  {
    ...api,
    id: 'posix-agent-to-object-storage-device',
    from: posixAgents,
    to: ['ibm-cos', 's3-compatible'],
    ports: [],
    configuredPort: true,
    dialledBy: ['agent'],
    purpose: 'Agents on Linux, Unix and macOS reach object storage whose port depends on the device.',
    reason: 'Direct mode works on every platform; the rows name Windows only.',
    note: byDevice,
  },
] as const satisfies readonly ChannelSpec[];
