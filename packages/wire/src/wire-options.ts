import type { CertificateRole, ChannelId, Role } from '@holdfast/contract';
import type { Clock, HoldfastError } from '@holdfast/core';
import type { FirewallLeases } from '@holdfast/firewall/leases';
import type { Connection } from './connection.ts';
import type { ClientCertificate } from './handshake.ts';
import type { Identity } from './identity.ts';
import type { ResolveName } from './outside.ts';
import type { PortOverrides, PortPolicy } from './ports.ts';

/** What a process tells its wire, and what it may ask of it. */

export interface WireOptions {
  /** What this process is, for messages. */
  readonly role: Role;
  /** The address to listen on; channels that are loopback only use 127.0.0.1 whatever it says. */
  readonly bind: string;
  /** Ports that the configuration puts in the place of the contract's, for listening and for dialling. */
  readonly overrides?: PortOverrides | undefined;
  /** Asked at every handshake, so that a renewed certificate is used at once. */
  readonly identity?: (() => Identity | undefined) | undefined;
  /** Asked at every handshake, every HTTP request, and each minute for every open connection. Serials in lower-case hex. */
  readonly isRevoked?: ((serial: string) => boolean) | undefined;
  /** Where ports that stay the same are remembered. Without it they aren't. */
  readonly stateDir?: string | undefined;
  /** Opens the host's own firewall for each leased port, on either side. Without it the ports have to be open anyway. */
  readonly firewall?: Pick<FirewallLeases, 'lease'> | undefined;
  /** Told of everybody who was turned away: for the log. */
  readonly onRefused?: ((error: HoldfastError, remoteAddress: string) => void) | undefined;
  /** How `dialOutside` and `sendDatagram` find the addresses of a name. Default: the operating system. */
  readonly resolve?: ResolveName | undefined;
  readonly platform?: NodeJS.Platform | undefined;
  readonly clock?: Clock | undefined;
  /** Milliseconds that a handshake may take on the listening side. Default 10,000. */
  readonly handshakeTimeoutMs?: number | undefined;
}

export interface ListenOptions {
  readonly onConnection: (connection: Connection) => void;
  /**
   * The default follows from the channels: `required` when all of them are of mutual TLS, else `optional`. Channels of mutual TLS
   * never admit anybody without a certificate, whatever this says.
   */
  readonly clientCertificate?: ClientCertificate | undefined;
  /**
   * `admit`: who shows a certificate that names no role of Holdfast comes in as somebody without one does. Nobody has vouched for it:
   * it proves that its key is there (`Connection.certificate`), and the application knows whose key that is, or not. Default `refuse`.
   */
  readonly foreignCertificates?: 'admit' | 'refuse' | undefined;
  /** `fallback`: when the ports can't be had, the contract's fallback, else any free one; `Listener.reason` says why. */
  readonly port?: PortPolicy | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface DialOptions {
  /** Instead of the configured or the contract's port. */
  readonly port?: number | undefined;
  /** The id that the other end's certificate must name. */
  readonly peerId?: string | undefined;
  /** The one certificate that the other end must have: base64url SHA-256 of its DER form. */
  readonly fingerprint?: string | undefined;
  /** The roots to believe instead of our own identity's: for a client without a certificate of an installation. */
  readonly caPem?: string | undefined;
  /**
   * A certificate that names no role of Holdfast is good as well if it is of the host that is dialled (RFC 9525): for REST
   * servers that are not ours. One that names a role has to be of the right role all the same.
   */
  readonly orHostName?: boolean | undefined;
  /**
   * With `orHostName`: further roots (PEM), such as the system's, which may vouch for the name of a host and for nothing else. What
   * they issue has to be of the host that is dialled even if it names a role.
   */
  readonly hostCaPem?: string | undefined;
  /** Certificate and private key (PEM), shown to a server that asks for one: for a client without an identity. */
  readonly clientPem?: string | undefined;
  /**
   * The SHA-256 of the root, where a person was given only that: the root is taken from the chain that the server presents,
   * compared before anything is sent (`auth.fingerprint`), and everything is then verified against it.
   */
  readonly caFingerprint?: string | undefined;
  /** Default 15,000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface OutsideDialOptions {
  /** Instead of the configured or the contract's port. */
  readonly port?: number | undefined;
  /**
   * TLS at once; the certificate must be of `host` and of a CA that is believed: the given ones (PEM), else the system's. Left
   * out: plain TCP, and TLS, if any, is the protocol's own (STARTTLS: `outsideTls` says with what).
   */
  readonly tls?: { readonly caPem?: string | undefined } | undefined;
  /** Asked of every address that the host has; none is connected to that it refuses (`channel.address`). */
  readonly admits?: ((address: string) => boolean) | undefined;
  /** Default 15,000, for the connection and again for TLS. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LeaseRequest {
  /** 32 random bytes, used once. */
  readonly nonce: Uint8Array;
  /** The certificate that may come: base64url SHA-256 of its DER form. */
  readonly fingerprint: string;
  /** Address or name that the peer comes from: whom the firewall is opened for. Left out: for nobody. */
  readonly peer?: string | undefined;
  readonly onExpire?: (() => void) | undefined;
  /** Default 30,000. */
  readonly expireMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SecureOptions {
  readonly channel: ChannelId;
  readonly side: 'client' | 'server';
  /** Who must be at the other end. */
  readonly expect: { readonly role: CertificateRole; readonly id?: string | undefined };
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LocalListenOptions {
  readonly onConnection: (connection: Connection) => void;
  /** 0600: the same user; 0660: the group as well. Default 0600. On Windows the pipe's default permissions hold. */
  readonly mode?: 0o600 | 0o660 | undefined;
}

export interface LocalListener extends AsyncDisposable {
  readonly path: string;
}

export interface LeaseDialOptions {
  /** The lease's 32 bytes, as its owner sent them. */
  readonly nonce: Uint8Array;
  /** The certificate of the one who leased the port: base64url SHA-256 of its DER form. */
  readonly fingerprint?: string | undefined;
  /** The id that the other end's certificate must name. */
  readonly peerId?: string | undefined;
  /** Default 15,000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}
