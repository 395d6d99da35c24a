/** The parts of the product and the neighbours it talks to, as the contract's channels name them. */

/** A program that holds sockets. `outside` is every program that is not ours. */
export type ProcessName =
  | 'server'
  | 'mover'
  | 'agent'
  | 'mount-server'
  | 'cloud-gateway'
  | 'distributor'
  | 'deployer'
  | 'updates'
  | 'recovery'
  | 'client'
  | 'outside';

/** The role in a certificate's URI SAN `holdfast://<installation>/<role>/<id>`. */
export type CertificateRole =
  | 'server'
  | 'agent'
  | 'mover'
  | 'mount-server'
  | 'cloud-gateway'
  | 'distributor'
  | 'deployer'
  | 'recovery'
  | 'machine';

export type Platform = 'windows' | 'linux' | 'unix' | 'macos';

export const platforms: readonly Platform[] = ['windows', 'linux', 'unix', 'macos'];

/** What each program presents; `none` where it has no certificate of the installation's CA. */
export const certificateRoleOf: Readonly<Record<ProcessName, CertificateRole | 'none'>> = {
  server: 'server',
  mover: 'mover',
  agent: 'agent',
  'mount-server': 'mount-server',
  'cloud-gateway': 'cloud-gateway',
  distributor: 'distributor',
  deployer: 'deployer',
  // The update service signs its metadata; its HTTPS certificate is a public one.
  updates: 'none',
  // Of one recovery: for the backups and the time that a token or a person gives it.
  recovery: 'recovery',
  // Of a service account: people have none.
  client: 'machine',
  outside: 'none',
};

interface RoleEntry {
  readonly description: string;
  /** The program that plays the role. */
  readonly process: ProcessName;
  /** Where the role can live; every platform if left out. */
  readonly platforms?: readonly Platform[];
  /** More general roles that a computer with this role has as well. */
  readonly is?: readonly string[];
}

const windows: readonly Platform[] = ['windows'];
const linux: readonly Platform[] = ['linux'];

export const roles = {
  'backup-server': {
    description: 'Catalogue, scheduler, policies, identity and console. No backup byte passes it.',
    process: 'server',
    is: ['identity-service'],
  },
  'identity-service': {
    description: 'Hands out certificates, grants and tokens; runs inside the backup server.',
    process: 'server',
  },
  'data-mover': {
    description: 'The transport service, one per computer: owns 6162 and the data range.',
    process: 'mover',
  },
  repository: {
    description: 'A data mover in front of disks that hold repositories.',
    process: 'mover',
    is: ['data-mover'],
  },
  'repository-linux': {
    description: 'A repository on Linux.',
    process: 'mover',
    platforms: linux,
    is: ['repository', 'data-mover'],
  },
  'repository-windows': {
    description: 'A repository on Windows.',
    process: 'mover',
    platforms: windows,
    is: ['repository', 'data-mover'],
  },
  gateway: {
    description: 'A data mover in front of a share or a bucket.',
    process: 'mover',
    is: ['data-mover'],
  },
  'gateway-linux': {
    description: 'A gateway on Linux.',
    process: 'mover',
    platforms: linux,
    is: ['gateway', 'data-mover'],
  },
  'gateway-windows': {
    description: 'A gateway on Windows.',
    process: 'mover',
    platforms: windows,
    is: ['gateway', 'data-mover'],
  },
  'agent-windows': { description: 'A protected computer that runs Windows.', process: 'agent', platforms: windows },
  'agent-linux': { description: 'A protected computer that runs Linux.', process: 'agent', platforms: linux },
  'agent-unix': { description: 'A protected computer that runs a Unix.', process: 'agent', platforms: ['unix'] },
  'agent-macos': { description: 'A protected computer that runs macOS.', process: 'agent', platforms: ['macos'] },
  'recovery-media': {
    description: 'The environment that restores a bare machine; it needs what the agent of that machine needs.',
    process: 'recovery',
    // Its platform makes it that platform's agent as well: see `effectiveRoles`.
    platforms: ['windows', 'linux'],
  },
  'cloud-machine-ec2': { description: 'A protected EC2 instance. Nothing dials in to it.', process: 'agent' },
  'cloud-machine-azure': {
    description: 'A protected Azure virtual machine. Nothing dials in to it.',
    process: 'agent',
  },
  'mount-server': { description: 'Shows a restore point as disks over iSCSI.', process: 'mount-server' },
  'cloud-gateway': { description: "A service provider's door to hosted repositories.", process: 'cloud-gateway' },
  'distribution-server': {
    description: 'Keeps agent packages close to the computers and deploys them.',
    process: 'distributor',
  },
  'distribution-server-linux': {
    description: 'A distribution server on Linux.',
    process: 'distributor',
    platforms: linux,
    is: ['distribution-server'],
  },
  'distribution-server-windows': {
    description: 'A distribution server on Windows.',
    process: 'distributor',
    platforms: windows,
    is: ['distribution-server'],
  },
  'update-server': { description: 'Signed release metadata and packages.', process: 'updates' },
  client: {
    description: "A person's or a script's computer: browser, command line, REST client, or an unmodified restic.",
    process: 'client',
  },
  'iscsi-initiator': { description: 'A computer that mounts a published disk.', process: 'outside' },
  'metrics-collector': { description: 'A monitoring system that reads the metrics endpoint.', process: 'outside' },
  database: { description: 'A PostgreSQL server that several backup servers share.', process: 'outside' },
  'identity-provider': { description: 'An OpenID Connect provider for outside log-in.', process: 'outside' },
  'syslog-server': { description: 'Collects events over syslog.', process: 'outside' },
  'webhook-receiver': { description: 'Receives event notifications over HTTPS.', process: 'outside' },
  s3: { description: 'Amazon S3.', process: 'outside' },
  'azure-blob': { description: 'Azure Blob storage.', process: 'outside' },
  gcs: { description: 'Google Cloud Storage.', process: 'outside' },
  'ibm-cos': { description: 'IBM Cloud Object Storage.', process: 'outside' },
  's3-compatible': { description: 'A store of another make that speaks the S3 interface.', process: 'outside' },
  vault: { description: 'A hosted vault that speaks the Azure Blob interface.', process: 'outside' },
  'aws-cloud': { description: 'The AWS services of a region.', process: 'outside' },
  'azure-cloud': { description: 'The Azure services of a region.', process: 'outside' },
  crl: { description: 'Revocation lists and OCSP responders of public certificate authorities.', process: 'outside' },
  'smb-share': { description: 'A shared folder over SMB.', process: 'outside' },
  'nfs-share': { description: 'A shared folder over NFS.', process: 'outside' },
  'active-directory': { description: 'The directory service that lists computers and people.', process: 'outside' },
  'domain-controller': { description: "A domain controller of the computer's own domain.", process: 'outside' },
  'dns-server': { description: 'A name server, forward and reverse.', process: 'outside' },
  'smtp-server': { description: 'A mail server.', process: 'outside' },
  'gmail-api': { description: 'The REST interface of Gmail.', process: 'outside' },
  'graph-api': { description: 'The REST interface of Microsoft Graph.', process: 'outside' },
} as const satisfies Record<string, RoleEntry>;

export type Role = keyof typeof roles;

export const roleNames = Object.keys(roles) as readonly Role[];

export function isRole(value: string): value is Role {
  return Object.hasOwn(roles, value);
}

export function roleEntry(role: Role): RoleEntry {
  return roles[role];
}

/** The certificate that whoever plays the role presents, or `none`. */
export function certificateRole(role: Role): CertificateRole | 'none' {
  return certificateRoleOf[roles[role].process];
}

export function rolePlatforms(role: Role): readonly Platform[] {
  return roleEntry(role).platforms ?? platforms;
}

/**
 * Every role that a computer has by having the given ones: a repository on Linux is a repository and a data mover too,
 * and a general role on a known platform is that platform's variant.
 */
export function effectiveRoles(given: readonly Role[], platform?: Platform): ReadonlySet<Role> {
  const found = new Set<Role>();
  const add = (role: Role): void => {
    if (found.has(role)) return;
    found.add(role);
    for (const general of roleEntry(role).is ?? []) if (isRole(general)) add(general);
    if (platform === undefined) return;
    const stem = role === 'recovery-media' ? 'agent' : role;
    const variant = `${stem}-${platform}`;
    if (isRole(variant)) add(variant);
  };
  for (const role of given) add(role);
  return found;
}

/** What the agent of a computer is. */
export function agentRole(platform: NodeJS.Platform): Role {
  if (platform === 'win32') return 'agent-windows';
  if (platform === 'darwin') return 'agent-macos';
  return platform === 'linux' ? 'agent-linux' : 'agent-unix';
}
