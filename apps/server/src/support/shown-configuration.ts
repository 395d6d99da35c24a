import type { ShownFields } from '@holdfast/support';
import type { ServerConfig } from '../config.ts';

/** What of the server's configuration is told for support. */
export const shownServerConfig: ShownFields<ServerConfig> = {
  bind: true,
  ports: true,
  busyPorts: true,
  names: true,
  certificateLifetimeDays: true,
  parallelRuns: true,
  parallelRunsPerRepository: true,
  parallelRunsPerMover: true,
  historyDays: true,
  maxRunHours: true,
  // An address may hold what is nobody's business; catalogue.json says which kind of database it is.
  database: 'given',
  databasePasswordFile: 'given',
  publicUrl: true,
  consoleFolder: true,
  csvFolder: true,
  unprotectedAfterDays: true,
  offlineAfterMinutes: true,
  people: {
    sessionIdleMinutes: true,
    sessionHours: true,
    apiTokenIdleDays: true,
    secondFactorRoles: true,
    fourEyes: true,
    approvalHours: true,
  },
  configurationBackup: { schedule: true, copies: true, folder: true, movers: true },
  logLevel: true,
};
