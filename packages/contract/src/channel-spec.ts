import type { FeatureId } from './features.ts';
import type { OptionId } from './options.ts';
import type { ProcessName, Role } from './roles.ts';
import type { RowId } from './rows.ts';

/** TCP and UDP ports, or `local`: a Unix socket or named pipe, which no firewall sees. */
export type Transport = 'tcp' | 'udp' | 'local';

/** Both ends included. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/**
 * What a listener does when its port is taken. `increment`: the next of the channel's ports, in their order, up to `to`;
 * `sticky`: the port found once is kept across restarts. `onePortPerConnection`: every connection has a port of its own,
 * so a taken one is skipped.
 */
export type BusyPort =
  | { readonly kind: 'fail' }
  | { readonly kind: 'increment'; readonly to: number; readonly sticky: boolean }
  | { readonly kind: 'onePortPerConnection' };

/**
 * `mutual-tls`: TLS 1.3, both ends present certificates of the installation's CA. `server-tls`: the listener presents one,
 * the dialler proves itself inside with a token, grant or password. `public-tls`: a publicly trusted certificate.
 * `protocol`: what the foreign protocol brings (SSH host keys, SMB signing, Kerberos, CHAP). `none`: plain text, nothing
 * secret passes. `local`: the permissions of the socket, or the loopback interface.
 */
export type Security = 'mutual-tls' | 'server-tls' | 'public-tls' | 'protocol' | 'none' | 'local';

/** A host pattern outside, with the region it serves. `<name>` is a placeholder that the configuration fills in. */
export interface Endpoint {
  readonly host: string;
  readonly region?: 'global' | 'china' | 'government';
}

interface Common {
  readonly id: string;
  readonly from: readonly Role[];
  readonly to: readonly Role[];
  readonly transport: Transport;
  /** Every port that may be used, the default first. Empty: `local`, off, or given at run time. */
  readonly ports: readonly PortRange[];
  readonly busy?: BusyPort;
  /** The port depends on the device at the other end; the configuration gives it. */
  readonly configuredPort?: true;
  /** Both ends are one computer, and the socket is bound to the loopback interface. */
  readonly loopbackOnly?: true;
  /** Present when the channel is needed only then. */
  readonly condition?: string;
  /** What the condition means to a topology: any of these is in use. Empty: never. */
  readonly options?: readonly OptionId[];
  /** The programs at both ends, where they are not simply those of the roles: the mover answers for the agent on 6162. */
  readonly dialledBy?: readonly ProcessName[];
  readonly listenedBy?: readonly ProcessName[];
  /** Programs whose certificate the dialler may show besides: with `server-tls` it only adds to the proof inside. */
  readonly shownBesides?: readonly ProcessName[];
  readonly application: string;
  readonly security: Security;
  readonly endpoints?: readonly Endpoint[];
  readonly purpose: string;
  readonly features: readonly FeatureId[];
  /** The channel that this one stands in for when it is blocked. */
  readonly fallbackOf?: string;
  readonly note?: string;
}

/** How a channel is written down: one that covers rows, or one of our own with the reason for it. */
export type ChannelSpec = Common &
  (
    | { readonly rows: readonly [RowId, ...RowId[]]; readonly reason?: never }
    | { readonly reason: string; readonly rows?: never }
  );

export const onePortPerConnection = { kind: 'onePortPerConnection' } as const;

/** The data range: one leased port per data connection. */
export const dataRange = { from: 2500, to: 3300 } as const;

/** The dynamic ports of Windows, out of which remote procedure calls are assigned theirs. */
export const dynamicRange = { from: 49_152, to: 65_535 } as const;

export function port<const N extends number>(number: N): { readonly from: N; readonly to: N } {
  return { from: number, to: number };
}

export const windowsAgent = ['agent-windows'] as const;
export const posixAgents = ['agent-linux', 'agent-unix', 'agent-macos'] as const;
export const everyAgent = [...windowsAgent, ...posixAgents] as const;

/** Why 11731 is open wherever 6160 is, also where no row asks for it. */
export const alternateReason =
  'The setup service moves to 11731 when 6160 is taken, whoever wants to reach it; the rows say so for some of them only.';
