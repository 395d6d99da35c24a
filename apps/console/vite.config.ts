import { routes } from '@holdfast/protocol';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

/**
 * `virtual:rest-routes`: method and path of each route of the REST API, taken from the protocol when the console is built. The
 * schemas stay on the server, which checks what it gets and sends; the browser needs their types only.
 */
function restRoutes(): Plugin {
  const id = 'virtual:rest-routes';
  const table = Object.fromEntries(Object.values(routes).map((route) => [route.id, [route.method, route.path]]));
  return {
    name: 'rest-routes',
    resolveId: (source) => (source === id ? `\0${id}` : undefined),
    load: (source) => (source === `\0${id}` ? `export const restRoutes = ${JSON.stringify(table)};` : undefined),
  };
}

export default defineConfig({
  plugins: [react(), restRoutes()],
  build: {
    target: ['chrome125', 'edge125', 'firefox128', 'safari17.5'],
    // Everything comes from files of the server: nothing inline that the Content-Security-Policy would have to allow.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // Which file needs which: a test adds up what the first view takes.
    manifest: true,
  },
});
