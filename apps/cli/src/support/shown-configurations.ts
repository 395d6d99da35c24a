import type { AgentConfig } from '@holdfast/agent';
import type { MoverConfig } from '@holdfast/mover';
import type { ShownFields } from '@holdfast/support';

/** What of the configurations of agents and movers is told for support; folders are, unless a bundle is anonymised. */

export const shownAgentConfig: ShownFields<AgentConfig> = {
  bind: true,
  server: { host: true, port: true },
  ports: true,
  firewallLeases: true,
  moverSocket: true,
  scripts: { folder: true },
  // What such a computer backs up and leaves out is for nobody else to know.
  zeroKnowledge: { sources: 'given', excludes: 'given', oneFileSystem: true, restoreTo: 'given' },
  drillFolder: true,
  controlPanel: true,
  logLevel: true,
};

export const shownMoverConfig: ShownFields<MoverConfig> = {
  storageRoot: true,
  bind: true,
  server: { host: true, port: true },
  ports: true,
  busyPorts: true,
  firewallLeases: true,
  localSocket: true,
  quotas: { defaultBytes: true, repositories: true },
  drillFolder: true,
};
