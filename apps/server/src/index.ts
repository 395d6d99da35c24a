export { type ServerConfig, type ServerConfigInput, serverConfigSchema } from './config.ts';
export { type RestoredConfiguration, restoreConfiguration } from './recovery/restore-configuration.ts';
export type { Listening } from './rest/server-handlers.ts';
export type { RunningServer, ServerOptions } from './running-server.ts';
export { startServer } from './server.ts';
export { shownServerConfig } from './support/shown-configuration.ts';
