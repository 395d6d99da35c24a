import { attachment, type Route, routes } from '@holdfast/protocol';
import { Pseudonyms, writeBundle } from '@holdfast/support';
import type { DataDirectory } from '../data-directory.ts';
import { requireOwnTenant } from '../people/caller.ts';
import { type AskRoute, type BundleSources, bundleFiles, leftOutOfServer } from '../support/bundle-files.ts';
import { knowNames } from '../support/known-names.ts';
import type { Vault } from '../vault.ts';
import type { Asked, RestHandlers, RouteAnswer } from './route-runner.ts';

/** Secrets of this server that are short enough to stand in a line; keys have the form of keys. */
const secretFiles = ['admin-token', 'metrics-token', 'vault-key'];

/** Bundles for whoever helps with this server. */
export function supportHandlers(
  o: BundleSources & {
    readonly data: DataDirectory;
    readonly vault: Vault;
    readonly names: readonly string[];
    readonly run: (route: Route, asked: Asked) => Promise<RouteAnswer>;
  },
): Pick<RestHandlers, 'supportBundle'> {
  const { place } = o;
  return {
    supportBundle: async ({ scope, caller, remoteAddress, requestId, query, signal, note }, stream) => {
      // Its log is that of all tenants.
      requireOwnTenant(scope.tenant);
      const anonymise = query.anonymise === 'true';
      note({ details: { anonymise } });
      const ask: AskRoute = async (name, { params = {}, query: asked = {} } = {}) =>
        (await o.run(routes[name], { caller, remoteAddress, requestId, params, query: asked, body: undefined, signal }))
          .body;
      const pseudonyms = anonymise
        ? new Pseudonyms(Buffer.from(o.vault.mac('support-pseudonyms', scope.tenant), 'hex'))
        : undefined;
      if (pseudonyms) await knowNames(pseudonyms, { ...o, scope });
      const files = await Promise.all(secretFiles.map((name) => o.data.readSecret(name)));
      const password = place.kind === 'postgres' ? place.address.password : undefined;
      const made = o.clock.now().toISOString().slice(0, 19).replaceAll(':', '');
      const { bytes } = await writeBundle({
        of: ['server'],
        files: bundleFiles({ ...o, request: { scope, signal }, ask }),
        leftOut: leftOutOfServer,
        secrets: [...files, password].flatMap((secret) => secret?.trim() ?? []),
        pseudonyms,
        clock: o.clock,
        sink: async (piece) => {
          if (!stream.hasBegun) {
            const type = {
              'content-type': 'application/gzip',
              'content-disposition': attachment(`holdfast-support-${made}.tar.gz`),
            };
            stream.begin({ status: 200, headers: type });
          }
          await stream.write(piece, signal);
        },
        signal,
      });
      note({ details: { bytes } });
    },
  };
}
