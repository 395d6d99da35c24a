/** TCP between this host and a peer, on a port of this host (`in`) or of the peer (`out`). */
interface Opening {
  readonly direction: 'in' | 'out';
  readonly port: number;
}

export interface LeasedOpening extends Opening {
  /** Address, or name, of the peer; every address of a name is opened. */
  readonly peer: string;
  /** The firewall takes the opening away after that time, whatever becomes of this process. */
  readonly lifetimeMs: number;
}

/** For one address, in canonical form. */
export interface AddressedOpening extends Opening {
  readonly address: string;
}

export interface TimedOpening extends AddressedOpening {
  readonly lifetimeMs: number;
}

/** A firewall that knows openings which end by themselves. All methods throw `firewall.lease`. */
export interface LeasingFirewall {
  /** Opens, or gives what is open another end: each so long from now on. */
  open(openings: readonly TimedOpening[], signal?: AbortSignal): Promise<void>;
  /** Closes before their time; what has ended already stays so. */
  close(openings: readonly AddressedOpening[]): Promise<void>;
}
