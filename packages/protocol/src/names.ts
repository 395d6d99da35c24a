import { z } from 'zod';

/** The forms of names and ids that appear in more than one message. */

/** Lower-case name that may stand in a URL path and in a folder name without quoting. `holdfast` is reserved: it is the prefix of our own paths on 6162. */
export const slug = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'use a-z, 0-9 and -, at most 63 characters, beginning with a letter or digit')
  .refine((text) => text !== 'holdfast', 'the name is reserved');

export const tenantId = slug.describe('The name of a tenant');
/** The one tenant of a plain server. */
export const localTenant = 'local';

export const entityId = z.uuid();

/** Base64url SHA-256 of a certificate's DER form, as in RFC 8705 `x5t#S256`. */
export const fingerprint = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

export const certificateSerial = z.string().regex(/^[0-9a-f]{2,40}$/);

/** A restic snapshot id: 64 hexadecimal digits. */
export const snapshotId = z.string().regex(/^[0-9a-f]{64}$/);

export const host = z.string().min(1).max(253);
export const port = z.number().int().min(1).max(65535);
export const isoTime = z.iso.datetime({ offset: true });
export const platform = z.enum(['linux', 'win32', 'darwin', 'aix', 'sunos', 'freebsd', 'openbsd']);

/** The key of a view of one snapshot: 64 bytes, as a repository's. */
export const viewKey = z.string().regex(/^[A-Za-z0-9_-]{86}$/);

/** The secret of one lease: 32 random bytes. */
export const leaseNonce = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
