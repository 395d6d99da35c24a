import type { Channel } from '@holdfast/contract';
import { type ErrorCode, errnoOf, HoldfastError, isHoldfastError } from '@holdfast/core';
import { ruleCommand } from './roles.ts';

/** Both ends of a connection, as an error names them. */
export interface Ends {
  readonly channel: Channel;
  /** The dialling end, in words: `this agent-linux`. */
  readonly from: string;
  readonly host: string;
  readonly port: number;
}

/** How far a connection got before it failed. */
export type Phase = 'resolve' | 'connect' | 'handshake' | 'verdict' | 'open';

interface Diagnosis {
  readonly code: ErrorCode;
  /** What happened, as the end of the sentence "channel X from A to B …". */
  readonly what: string;
  readonly guidance: string;
}

const foreignChain = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
]);

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  // Happy eyeballs collects one error per address; the first one stands for all.
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  return '';
}

/** What a certificate that did not verify means. `code` is OpenSSL's name of the problem, as Node gives it. */
export function diagnoseCertificate(code: string, whose: string, hostName?: string): Diagnosis {
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return {
      code: 'channel.tls',
      what: `met ${whose} that is ${code === 'CERT_HAS_EXPIRED' ? 'expired' : 'not yet valid'}`,
      guidance: 'Check the clocks of both computers; enrol the computer again if its certificate has really expired.',
    };
  }
  if (foreignChain.has(code) && hostName !== undefined) {
    return {
      code: 'channel.tls',
      what: `met ${whose} of no CA that is believed here (${code})`,
      guidance:
        "Give the certificate of the server's CA (--cacert FILE), or have this system trust that CA. If it does already, something on the way intercepts TLS.",
    };
  }
  if (foreignChain.has(code)) {
    return {
      code: 'channel.tls',
      what: `met ${whose} that this installation did not issue (${code})`,
      guidance:
        'Either something on the way intercepts TLS (a proxy or firewall that inspects it: exempt this connection), or the other end belongs to another installation: enrol it again.',
    };
  }
  return {
    code: 'channel.tls',
    what: `met ${whose} that does not verify (${code})`,
    guidance: 'Enrol the computer again with a new join token.',
  };
}

/** Whether the question or the answer was lost, and over UDP or TCP, the system's resolver does not tell. */
function unresolved(name: string, code: string): Diagnosis {
  return {
    code: 'channel.name',
    what: `failed: no name server has answered for ${name} (${code})`,
    guidance: `Check that DNS answers on this computer. Open UDP and TCP 53 to its name servers: channels host-to-dns and host-to-dns-tcp`,
  };
}

function diagnose(error: unknown, phase: Phase, ends: Ends): Diagnosis {
  const code = codeOf(error);
  const open = `Open TCP ${ends.port} to ${ends.host} in the firewalls between both ends`;
  switch (code) {
    case 'ENOENT':
      return {
        code: 'channel.refused',
        what: 'was refused: there is no such local socket',
        guidance: 'Start the service that makes it, or correct the path',
      };
    case 'ECONNREFUSED':
      return {
        code: 'channel.refused',
        what: 'was refused: nothing listens there, or a firewall rejects it',
        guidance: `Start the service at ${ends.host}, or correct the port`,
      };
    case 'EAI_AGAIN':
      return unresolved(ends.host, code);
    case 'ENOTFOUND':
    case 'EAI_NODATA':
    case 'EAI_NONAME':
      return {
        code: 'channel.name',
        what: `failed: the name ${ends.host} could not be resolved (${code})`,
        guidance: 'Check the name, and that DNS answers on this computer',
      };
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
    case 'ENETDOWN':
    case 'EHOSTDOWN':
      return {
        code: 'channel.unreachable',
        what: `failed: there is no way to that address (${code})`,
        guidance: 'Check the address and the routes between both ends',
      };
    case 'ETIMEDOUT':
    case 'ERR_TLS_HANDSHAKE_TIMEOUT':
    case 'ERR_SOCKET_CONNECTION_TIMEOUT':
      if (phase === 'resolve') return unresolved(ends.host, code);
      if (phase === 'connect') {
        return {
          code: 'channel.timeout',
          what: 'was not answered: a firewall drops it, or the host is down',
          guidance: open,
        };
      }
      return {
        code: 'channel.timeout',
        what: 'was opened, but the TLS handshake was not answered: something else listens there, or an inspecting device on the way holds it back',
        guidance: 'Check what listens on that port, and exempt the connection from inspection',
      };
    case 'EPERM':
    case 'EACCES':
      return {
        code: 'channel.unreachable',
        what: `was forbidden by this computer (${code}): its own firewall or a security policy`,
        guidance: open,
      };
  }
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === 'ECONNABORTED' || code === '') {
    if (phase === 'handshake' || phase === 'verdict') {
      return {
        code: 'channel.closed',
        what: 'was cut during the TLS handshake: the other end refuses this computer, or an intrusion-prevention system cuts encrypted streams',
        guidance: 'Look at the log of the other end; if it shows nothing, look at the devices on the way',
      };
    }
    return {
      code: 'channel.closed',
      what: `was cut${code === '' ? '' : ` (${code})`}`,
      guidance:
        'Check the network between both ends; an idle time-out or an intrusion-prevention system may have cut it',
    };
  }
  if (/WRONG_VERSION_NUMBER|UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|HTTP_REQUEST|PACKET_LENGTH/.test(code)) {
    return {
      code: 'channel.tls',
      what: `failed: what answers there does not speak TLS 1.3 (${code})`,
      guidance: 'Check the port, and whether a proxy on the way breaks TLS',
    };
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS')) {
    return {
      code: 'channel.tls',
      what: `failed in TLS (${code})`,
      guidance: 'Check the certificates of both ends and whether something on the way intercepts TLS',
    };
  }
  return { code: 'channel.closed', what: `failed (${code})`, guidance: 'Check the network between both ends' };
}

/** Local sockets and relayed streams have no port. */
const placeOf = ({ host, port }: Ends): string => (port === 0 ? host : `${host}:${port}`);

/** Puts a diagnosis into words that name the channel, both ends, what to do, and the command for the firewall rule. */
export function describeFailure(ends: Ends, diagnosis: Diagnosis, cause?: unknown): HoldfastError {
  const { channel, from, host, port } = ends;
  const guidance = diagnosis.guidance.replace(/\.$/, '');
  return new HoldfastError(diagnosis.code, {
    message: `Channel ${channel.id} from ${from} to ${placeOf(ends)} ${diagnosis.what}.`,
    guidance: port === 0 ? `${guidance}.` : `${guidance}. The rule: ${ruleCommand(channel)}`,
    context: { channel: channel.id, from, host, port, ...(codeOf(cause) === '' ? {} : { cause: codeOf(cause) }) },
    cause,
  });
}

/** The error to report for whatever a socket threw in that phase. */
export function connectionError(error: unknown, phase: Phase, ends: Ends): HoldfastError {
  if (isHoldfastError(error)) return error;
  return describeFailure(ends, diagnose(error, phase, ends), error);
}

/** Why `listen` on a port failed. `holders` is what is known about who has it. */
export function bindError(
  error: unknown,
  o: { channel: Channel; host: string; port: number; platform: NodeJS.Platform; holders?: string },
): HoldfastError {
  const code = errnoOf(error);
  const { channel, host, port } = o;
  const context = { channel: channel.id, host, port, ...(code === undefined ? {} : { cause: code }) };
  const where = `Channel ${channel.id} cannot listen on ${host}:${port}`;
  const other = `configure another port for ${channel.id}`;
  switch (code) {
    case 'EADDRINUSE':
      return new HoldfastError('port.occupied', {
        message: `${where}: it is taken (${o.holders ?? 'by a process that cannot be seen from here'}).`,
        guidance: `Stop that process, or ${other}.`,
        context,
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
      // Windows answers EACCES for ports that it has reserved (`netsh`'s excluded ranges), at any number, without a listener.
      if (o.platform === 'win32') {
        return new HoldfastError('port.reserved', {
          message: `${where}: Windows has reserved the port, or another program holds it for itself alone.`,
          guidance: `List the reserved ranges with \`netsh interface ipv4 show excludedportrange protocol=tcp\`, or ${other}.`,
          context,
          cause: error,
        });
      }
      return new HoldfastError('port.forbidden', {
        message: `${where}: this user has not the right (${code}).`,
        guidance:
          port < 1024
            ? `Give the process CAP_NET_BIND_SERVICE, or ${other} above 1023.`
            : `A security policy forbids it (SELinux, AppArmor): allow it, or ${other}.`,
        context,
        cause: error,
      });
    case 'EADDRNOTAVAIL':
      return new HoldfastError('usage.configuration', {
        message: `${where}: the address is not one of this computer.`,
        guidance: 'Correct the address to listen on.',
        context,
        cause: error,
      });
    default:
      return new HoldfastError('port.occupied', {
        message: `${where}: ${code ?? String(error)}.`,
        guidance: `Free the port, or ${other}.`,
        context,
        cause: error,
      });
  }
}
