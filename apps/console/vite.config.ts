import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { permissionsOf, personRole, routes } from '@holdfast/protocol';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

/**
 * `virtual:rest-routes`: method and path of each route of the REST API, what it takes to be allowed it, and what each role is allowed, taken from the protocol when the console is built. The
 * schemas stay on the server, which checks what it gets and sends; the browser needs their types only.
 */
function restRoutes(): Plugin {
  const id = 'virtual:rest-routes';
  const table = Object.fromEntries(Object.values(routes).map((route) => [route.id, [route.method, route.path]]));
  const access = Object.fromEntries(Object.values(routes).map((route) => [route.id, route.access]));
  const permissions = Object.fromEntries(
    personRole.options.map((role) => [
      role,
      {
        everywhere: [...permissionsOf(role, { allGroups: true })],
        inGroups: [...permissionsOf(role, { allGroups: false })],
      },
    ]),
  );
  const source = `export const restRoutes = ${JSON.stringify(table)};
    export const routeAccess = ${JSON.stringify(access)};
    export const rolePermissions = ${JSON.stringify(permissions)};`;
  return {
    name: 'rest-routes',
    resolveId: (name) => (name === id ? `\0${id}` : undefined),
    load: (name) => (name === `\0${id}` ? source : undefined),
  };
}

/** `virtual:published-proof`: the proof that the documentation publishes, of the rules of this version; in a file of its own. */
function publishedProof(): Plugin {
  const id = 'virtual:published-proof';
  const path = join(import.meta.dirname, '../../docs/proof.json');
  return {
    name: 'published-proof',
    resolveId: (source) => (source === id ? `\0${id}` : undefined),
    load: (source) => {
      if (source !== `\0${id}`) return undefined;
      const proof: unknown = JSON.parse(readFileSync(path, 'utf8'));
      return `export const publishedProof = ${JSON.stringify(JSON.stringify(proof))};`;
    },
  };
}

export default defineConfig({
  plugins: [react(), restRoutes(), publishedProof()],
  build: {
    target: ['chrome125', 'edge125', 'firefox128', 'safari17.5'],
    // Everything comes from files of the server: nothing inline that the Content-Security-Policy would have to allow.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // Which file needs which: a test adds up what the first view takes.
    manifest: true,
    // The console, and the control panel of a computer, which its agent serves.
    rolldownOptions: { input: ['index.html', 'panel.html'].map((page) => join(import.meta.dirname, page)) },
  },
});
