export const systems = ['linux', 'macos', 'windows'] as const;
export type System = (typeof systems)[number];

export interface Joining {
  /** `backup.example.org`, or with `:port` where agents are listened to on another one than the contract's. */
  readonly server: string;
  readonly caFingerprint: string;
  /** By role, in the order in which a computer takes them. */
  readonly tokens: readonly { readonly role: 'mover' | 'agent'; readonly token: string }[];
}

/**
 * The line that joins a computer to the server. Tokens go over standard input: what stands in the arguments of a program, everybody
 * on that computer can see. They are of base64url and of names, so that no shell reads anything else in them.
 */
export function joinLine(system: System, { server, caFingerprint, tokens }: Joining): string {
  const enroll = (role: string): string =>
    `holdfast enroll --role ${role} --server ${server} --ca-fingerprint ${caFingerprint} --token-file -`;
  if (system === 'windows') return tokens.map(({ role, token }) => `'${token}' | ${enroll(role)}`).join('; ');
  return tokens.map(({ role, token }) => `printf %s ${token} | sudo ${enroll(role)}`).join(' && ');
}

/** The line that starts what has joined. */
export function startLine(system: System, { tokens }: Pick<Joining, 'tokens'>): string {
  const roles = tokens.map(({ role }) => `holdfast ${role}`);
  if (system === 'windows')
    return roles.map((line) => `Start-Process -NoNewWindow ${line.replace(' ', ' -ArgumentList ')}`).join('; ');
  return `sudo sh -c '${roles.join(' & ')}'`;
}

const contractPort = 10006;
const contractPortWindows = 10005;

/**
 * Where computers find the server: the name by which the browser found it. Where that is this computer's own and others can reach the
 * server as well, the first name by which they do.
 */
export function serverAddress(o: {
  readonly browserHost: string;
  readonly names: readonly string[];
  readonly listening: readonly { readonly channel: string; readonly address: string; readonly port: number }[];
  readonly system: System;
}): string {
  const isWindows = o.system === 'windows';
  const channel = isWindows ? 'windows-agent-control' : 'posix-agent-control';
  const usual = isWindows ? contractPortWindows : contractPort;
  const listener = o.listening.find((one) => one.channel === channel);
  const port = listener?.port ?? usual;
  const isOnlyHere = listener !== undefined && isLoopback(listener.address);
  const other = isLoopback(o.browserHost) && !isOnlyHere ? o.names.find((name) => !isLoopback(name)) : undefined;
  const host = other ?? o.browserHost;
  const written = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  return port === usual ? written : `${written}:${port}`;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || host.startsWith('127.');
}
