/**
 * What a further instance gets from the data directory of the first one before it starts: identity, certificate authority, keys and
 * tokens of the installation. Everything else in the folder is an instance's own.
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
