import type { LookupAddress, LookupOptions } from 'node:dns';
import { lookup as systemLookup } from 'node:dns/promises';
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, rootCertificates, type TLSSocket } from 'node:tls';
import { HoldfastError } from '@holdfast/core';
import { connectionError, describeFailure, diagnoseCertificate, type Ends, type Phase } from './failure.ts';
import { systemCaPem } from './system-cas.ts';
import { type WaitOptions, waitOn } from './waiting.ts';

/** Connections to programs that are not ours: their certificates are of a host name, their protocols bring their own proof. */

/** All addresses of a name, in the order to try them. */
export type ResolveName = (host: string) => Promise<readonly LookupAddress[]>;

export interface OutsideTarget {
  readonly ends: Ends;
  readonly resolve: ResolveName | undefined;
  /** Asked of every address that the host has; none is connected to that it refuses. */
  readonly admits: ((address: string) => boolean) | undefined;
  /** Left out: plain TCP, and TLS, if any, is the protocol's own (STARTTLS). */
  readonly tls: { readonly caPem?: string | undefined } | undefined;
}

/** What TLS needs to know for a server outside, also for a library that starts TLS inside a connection by itself. */
export function outsideTls(host: string, caPem: string | undefined) {
  return {
    ca: caPem ?? (systemCaPem() || rootCertificates.join('\n')),
    minVersion: 'TLSv1.2' as const,
    rejectUnauthorized: true,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    // Without a server name Node would compare with `localhost`.
    checkServerIdentity: (_name: string, certificate: Parameters<typeof checkServerIdentity>[1]) =>
      checkServerIdentity(host, certificate),
  };
}

/** Destroys the socket when it fails. Errors: those of dialling, `channel.address`. */
export async function connectOutside(o: OutsideTarget, wait: WaitOptions): Promise<Socket> {
  wait.signal?.throwIfAborted();
  const { ends } = o;
  let phase: Phase = 'connect';
  const host = bareAddress(ends.host);
  let socket: Socket | undefined;
  let secure: TLSSocket | undefined;
  try {
    if (isIP(host) !== 0) requireAdmitted(o, [{ address: host }]);
    socket = connectTcp({ host, port: ends.port, lookup: admittedLookup(o) });
    socket.setNoDelay(true);
    await waitOn(socket, ['connect'], () => (socket?.connecting ? undefined : true), wait);
    if (o.tls === undefined) return socket;
    phase = 'handshake';
    secure = connectTls({ socket, ...outsideTls(host, o.tls.caPem), ALPNProtocols: ['http/1.1'] });
    let done = false;
    secure.once('secureConnect', () => {
      done = true;
    });
    await waitOn(secure, ['secureConnect'], () => done || undefined, wait);
    return secure;
  } catch (error) {
    // One that comes late belongs to nobody, and must not end the process.
    for (const one of [socket, secure]) one?.on('error', () => undefined).destroy();
    wait.signal?.throwIfAborted();
    throw outsideError(error, phase, ends);
  }
}

/** The error to report for whatever a connection to a server outside threw: a certificate of another host is told apart. */
export function outsideError(error: unknown, phase: Phase, ends: Ends): HoldfastError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const diagnosis = {
      code: 'channel.tls',
      what: 'met a certificate of another host',
      guidance: 'Give the name that the certificate has. If it is right, something on the way intercepts TLS',
    } as const;
    return describeFailure(ends, diagnosis, error);
  }
  if (/CERT|SIGNED|ISSUER|VERIFY|INVALID_CA/.test(code) && !code.startsWith('ERR_'))
    return describeFailure(ends, diagnoseCertificate(code, 'a certificate', ends.host), error);
  return connectionError(error, phase, ends);
}

/** `[::1]` as addresses of URLs have it. */
export function bareAddress(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

/** Node asks this for names only; addresses are judged before. */
function admittedLookup(o: OutsideTarget): LookupFunction {
  return (host, options, callback) => {
    const resolve = o.resolve ?? ((name: string) => systemLookup(name, { all: true, family: familyOf(options) }));
    resolve(host).then(
      (addresses) => {
        try {
          const admitted = requireAdmitted(o, addresses);
          const [first] = admitted;
          if (options.all) callback(null, [...admitted]);
          else callback(null, first?.address ?? '', first?.family);
        } catch (error) {
          callback(error as Error, []);
        }
      },
      (error: unknown) => callback(error as Error, []),
    );
  };
}

function familyOf({ family }: LookupOptions): number {
  return family === 'IPv4' ? 4 : family === 'IPv6' ? 6 : (family ?? 0);
}

function requireAdmitted<Address extends { readonly address: string }>(
  { admits, ends }: OutsideTarget,
  addresses: readonly Address[],
): readonly Address[] {
  if (admits === undefined) return addresses;
  const admitted = addresses.filter(({ address }) => admits(address));
  if (admitted.length > 0 || addresses.length === 0) return admitted;
  throw new HoldfastError('channel.address', {
    message: `Channel ${ends.channel.id} to ${ends.host}: its address (${addresses.map(({ address }) => address).join(', ')}) is one that may not be connected to.`,
    context: { channel: ends.channel.id, host: ends.host },
  });
}
