import { HoldfastError } from '@holdfast/core';
import { type PortHandlers, portHandlers } from '@holdfast/protocol';

/** The server's own part in a check of the network, by the same calls as everybody's. */
export function ownPortHandlers(o: { readonly bind: string; readonly caPem: string }): PortHandlers {
  return portHandlers({
    process: 'server',
    bind: o.bind,
    overrides: {},
    ownPorts: () => [],
    caPem: () => o.caPem,
    leases: undefined,
    audit: async () => {
      throw new HoldfastError('request.missing', {
        message: 'The server runs without the rights to audit its own computer.',
        guidance:
          'Let an agent that runs as root join from there, or run `holdfast ports audit TOPOLOGY` there as root.',
      });
    },
  });
}
