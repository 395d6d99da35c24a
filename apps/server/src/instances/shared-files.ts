/**
 * Identity, certificate authority, keys and tokens of the installation, in the data directory: what a further instance gets from the
 * first one before it starts, and without which nobody would take a restored server for the one that was lost. Everything else in
 * the folder is an instance's own.
 */
export const sharedFiles = [
  'server.json',
  'root-ca.pem',
  'issuing-ca.pem',
  'vault-key',
  'identity-key.pem',
  'admin-token',
  'metrics-token',
] as const;
