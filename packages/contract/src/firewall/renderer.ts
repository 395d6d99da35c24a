import type { Plan } from '../plan/plan.ts';

/** A file of a rendering. */
export interface RenderedFile {
  /** Relative, of safe characters: `backup-1.nft`, or `removal/backup-1.nft`. */
  readonly path: string;
  readonly content: string | Uint8Array;
}

/** Something that the target can't say as narrowly as the plan does, so that it opens more. Never silent. */
export interface Widening {
  /** Id of the flow. */
  readonly flow: string;
  /** Whose rules are wider; left out where it is the same for all. */
  readonly host?: string;
  /** What is open beyond the plan, and why: one sentence. */
  readonly message: string;
}

export interface Rendering {
  /** What applies the plan. Applying it twice changes nothing more. */
  readonly files: readonly RenderedFile[];
  /** What takes it away again, and nothing else. */
  readonly removal: readonly RenderedFile[];
  readonly widenings: readonly Widening[];
}

export interface RenderOptions {
  /** Only this host's rules; for the scope `host`. */
  readonly host?: string;
  /**
   * Drop what the rules don't allow (the default), or leave everything else as the host has it. With `leave` the rules only
   * allow.
   */
  readonly otherwise?: 'drop' | 'leave';
  /**
   * What lies inside the cloud or the cluster that gets the rules: only hosts of these zones get some, all others are peers
   * by their addresses. For the scope `cloud`. Default: all zones.
   */
  readonly zones?: readonly string[];
  /** Openings that only a session needs are left to leases (nftables, firewalld). Default: they are always open. */
  readonly leases?: boolean;
  /** What a change request says beside the plan. */
  readonly request?: {
    /** Who answers for the openings. Default: whom the topology names for the hosts at both ends. */
    readonly owner?: string;
    /** The last day, `2027-06-30`. Default: as long as the topology asks for them. */
    readonly expires?: string;
  };
}

export interface Renderer {
  /** What `--format` takes. */
  readonly id: string;
  /** Name of the target for people. */
  readonly title: string;
  /** Rules for each host, rules for what lies between hosts, rules of a cloud or a cluster (by zones), or a text for people. */
  readonly scope: 'host' | 'network' | 'cloud' | 'document';
  /** How the tests know that the output is right; shown in the docs. */
  readonly verifiedBy: string;
  /** @throws `plan.inexpressible` for a flow that the target can't say, not even wider. */
  render(plan: Plan, options?: RenderOptions): Rendering | Promise<Rendering>;
}
