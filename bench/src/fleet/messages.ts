import type { AgentIdentity, ServerPlace } from './simulated-agent.ts';

/** What the benchmark and its processes tell each other, by Node's IPC. */

export interface ServerOrder {
  readonly dataDir: string;
  /** Of the catalogue: a URL of PostgreSQL, else a file. */
  readonly database: string | undefined;
  readonly ports: { readonly rest: number; readonly control: number };
}

export interface MoverOrder {
  readonly dataDir: string;
  readonly port: number;
  readonly server: { readonly host: string; readonly port: number };
  readonly token: string;
  readonly caFingerprint: string;
}

export interface AgentsOrder {
  readonly agents: readonly AgentIdentity[];
  readonly servers: readonly ServerPlace[];
  readonly taskMs: number;
  /** Agents that make their first connection at the same time. */
  readonly atOnce: number;
}

/** From a process of agents, every 100 ms while there is news. */
export interface AgentsNews {
  /** Connections that were made. */
  readonly connected: number;
  /** Tasks that agents were given, each once. */
  readonly tasks: readonly { readonly agentId: string; readonly taskId: string; readonly atMs: number }[];
}

/** A process that was started says so, once it does what it is for. */
export interface Ready {
  readonly ready: true;
  /** Of a mover: its id. */
  readonly id?: string;
}
