import { HoldfastError } from '@holdfast/core';
import { resolvePath } from '../data-directory.ts';

/** Where a stand-alone command finds its repository. */
export type RepositoryLocation =
  | { readonly kind: 'folder'; readonly path: string }
  | {
      readonly kind: 'rest';
      readonly host: string;
      readonly port: number;
      /** Begins and ends with '/', still percent-encoded. */
      readonly basePath: string;
      readonly username: string | undefined;
      /** The grant, or the password of another REST server. */
      readonly password: string | undefined;
      /** For people: without user name and password. */
      readonly shown: string;
    };

/** Kinds of storage that restic reaches and Holdfast's command line does not: never taken for the name of a folder. */
const otherSchemes = ['s3', 'sftp', 'b2', 'azure', 'gs', 'swift', 'rclone', 'opendal', 'http', 'https'];

/** Reads `--repo`: a path, `local:path`, or `rest:https://[user:password@]host[:port]/path/`. Never repeats a password. */
export function parseLocation(text: string): RepositoryLocation {
  if (text.startsWith('rest:')) return parseRest(text.slice('rest:'.length));
  const scheme = /^([a-z0-9]+):/.exec(text)?.[1];
  if (scheme !== undefined && otherSchemes.includes(scheme)) {
    throw new HoldfastError('usage.option', {
      message: `--repo begins with ${scheme}:, a kind of storage that is not supported.`,
      guidance: 'Use a folder, or rest:https://host:6162/tenant/repository/ for a data mover.',
    });
  }
  const path = text.startsWith('local:') ? text.slice('local:'.length) : text;
  if (path === '') throw new HoldfastError('usage.option', { message: '--repo is empty.' });
  return { kind: 'folder', path: resolvePath(path) };
}

function parseRest(address: string): RepositoryLocation {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url) throw wrong('is not an address');
  if (url.protocol !== 'https:')
    throw wrong('is not encrypted: only https is used, so that nobody on the way can read the grant');
  if (url.search !== '' || url.hash !== '') throw wrong('has a part after ? or #');
  const basePath = url.pathname.endsWith('/') ? url.pathname : `${url.pathname}/`;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    kind: 'rest',
    host,
    port: url.port === '' ? 443 : Number(url.port),
    basePath,
    username: decoded(url.username),
    password: decoded(url.password),
    shown: `rest:https://${url.host}${basePath}`,
  };
}

function decoded(part: string): string | undefined {
  if (part === '') return undefined;
  try {
    return decodeURIComponent(part);
  } catch (error) {
    throw wrong('has a % that begins no character, in the user name or password', error);
  }
}

function wrong(what: string, cause?: unknown): HoldfastError {
  return new HoldfastError('usage.option', {
    message: `The address of the repository ${what}.`,
    guidance:
      'The form is rest:https://[user:password@]host:port/path/, for example rest:https://mover.example:6162/local/laptops/.',
    cause,
  });
}
