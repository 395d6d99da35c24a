import { z } from 'zod';
import { type ChannelId, channels } from '../channels.ts';
import { optionIds } from '../options.ts';
import { platforms, roleNames } from '../roles.ts';
import { maxAddresses, maxAllowRules, maxIncludedFiles, maxNames, maxUses } from './limits.ts';

/** What a topology file holds. The JSON Schema for editors is made from this: docs/topology.schema.json. */

const entryName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'a name has letters, digits, dots, hyphens and underscores, up to 63')
  .meta({ description: 'A name: letters, digits, dots, hyphens and underscores.' });

const address = z.string().max(50).meta({
  description: 'IPv4 or IPv6 address, or a prefix: 10.1.0.10, 2001:db8:1::/48. A prefix stands for many computers.',
});

const dnsName = z
  .string()
  .max(253)
  .regex(/^(\*\.)?([A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?$/, {
    message: 'this is not a DNS name',
  });

const text = z.string().max(500);

const portSetting = z
  .union([z.int().min(1).max(65_535), z.string().regex(/^\d{1,5}-\d{1,5}$/)])
  .meta({ description: 'A port, or a range such as "2500-2600".' });

export const channelIds = channels.map(({ id }) => id) as [ChannelId, ...ChannelId[]];

const uses = z.array(entryName).min(1).max(maxUses).meta({
  description:
    'Which servers, targets and neighbours of the topology are used from here. Of every kind that is not named: all.',
});

const common = {
  addresses: z.array(address).min(1).max(maxAddresses),
  names: z.array(dnsName).max(maxNames).optional().meta({ description: 'DNS names.' }),
  roles: z
    .array(z.enum(roleNames))
    .min(1)
    .max(roleNames.length)
    .meta({ description: 'What runs there, by the names of docs/PORTS.md.' }),
  ports: z.partialRecord(z.enum(channelIds), portSetting).optional().meta({
    description: "Ports that the configuration of this host puts in the place of the contract's, by channel.",
  }),
  owner: text.optional().meta({ description: 'Who answers for it; appears in change requests.' }),
  note: text.optional(),
};

/**
 * A computer that runs parts of Holdfast, or several alike under one prefix. The one schema for it: topology files and the
 * inventory that a server exports both use it.
 */
export const host = z.strictObject({
  ...common,
  addresses: common.addresses.optional().meta({
    description: 'IPv4 and IPv6 addresses or prefixes. A plan needs them; an inventory may not know them.',
  }),
  zone: entryName,
  os: z.enum(platforms).optional().meta({ description: 'Left out where the roles tell it (agent-linux).' }),
  uses: uses.optional(),
  preinstalled: z
    .boolean()
    .optional()
    .meta({ description: 'The agent was installed beforehand: the server does not dial this computer.' }),
  managed: z.boolean().optional().meta({
    description: 'Whether this computer gets rules of its own. Default: yes, but for computers that are clients only.',
  }),
});
export type Host = z.infer<typeof host>;

/** Something outside that Holdfast talks to: a name server, a mail server, a bucket. */
export const neighbour = z.strictObject({
  ...common,
  addresses: common.addresses.optional(),
  zone: entryName.optional(),
  region: z.enum(['global', 'china', 'government']).optional().meta({
    description: 'Region of a cloud service: which of the known host names apply. Default: global.',
  }),
});

export const zone = z.strictObject({
  addresses: z.array(address).max(maxAddresses).optional().meta({
    description: 'Prefixes of the zone. Addresses of its hosts must lie within those of their kind (IPv4, IPv6).',
  }),
  nat: z
    .union([z.boolean(), z.array(address).min(1).max(maxAddresses)])
    .optional()
    .meta({
      description:
        'Address translation: nothing dials in from other zones. With addresses: those that other zones see instead.',
    }),
  uses: uses.optional(),
  owner: text.optional(),
  note: text.optional(),
});

export const allowRule = z.strictObject({
  name: entryName,
  from: z.array(z.string().min(1).max(63)).min(1).max(maxUses).meta({
    description: 'Hosts, neighbours, zones, addresses or prefixes, or any.',
  }),
  to: z.array(z.string().min(1).max(63)).min(1).max(maxUses),
  ports: z
    .array(z.string().regex(/^(tcp|udp)\/\d{1,5}(-\d{1,5})?$/))
    .min(1)
    .max(100),
  reason: text.optional(),
});

export const dialStyles = ['classic', 'outbound-only', 'single-port'] as const;
export type DialStyle = (typeof dialStyles)[number];

const parts = {
  include: z.array(z.string().min(1).max(1000)).max(maxIncludedFiles).optional().meta({
    description: 'Other files with zones, hosts, neighbours and allow rules; paths relative to this file.',
  }),
  zones: z.record(entryName, zone).optional(),
  hosts: z.record(entryName, host).optional(),
  neighbours: z.record(entryName, neighbour).optional(),
  allow: z.array(allowRule).max(maxAllowRules).optional().meta({
    description: "Openings that are not Holdfast's and must stay: ssh for administrators, time, monitoring.",
  }),
};

/** A file that another one includes. */
export const includedDocument = z.strictObject({ $schema: z.string().optional(), ...parts });

/** The file that `holdfast ports` is given. */
export const topologyDocument = z.strictObject({
  $schema: z.string().optional(),
  name: entryName.meta({ description: 'Name of the topology, for titles and files.' }),
  dial: z.enum(dialStyles).optional().meta({
    description:
      'Who dials whom. classic (default): the server dials agents. outbound-only: nothing dials the computers of agents. single-port: that, and data shares port 6162 with the sessions.',
  }),
  features: z
    .partialRecord(z.enum(optionIds as [string, ...string[]]), z.boolean())
    .optional()
    .meta({
      description: 'Features in use or not, where that differs from the default.',
    }),
  ...parts,
});
export type TopologyDocument = z.infer<typeof topologyDocument>;
