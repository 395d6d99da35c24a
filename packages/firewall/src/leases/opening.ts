/** One opening: TCP between this host and that peer, on a port of this host (`in`) or of the peer (`out`). */
export interface LeasedOpening {
  readonly direction: 'in' | 'out';
  /** Address, or name, of the peer; every address of a name is opened. */
  readonly peer: string;
  readonly port: number;
  /** The firewall takes the opening away after that time, whatever becomes of this process. */
  readonly lifetimeMs: number;
}

export interface AddressedOpening extends Omit<LeasedOpening, 'peer'> {
  /** In canonical form. */
  readonly addresses: readonly string[];
}

/** A firewall that knows openings which end by themselves. */
export interface LeasingFirewall {
  /**
   * Opens, or prolongs what is open, from now on. Calling what it gives closes it before its time; what has ended already
   * stays so. @throws `firewall.lease`
   */
  open(opening: AddressedOpening, signal?: AbortSignal): Promise<() => Promise<void>>;
}
