import { type ChangeRequest, columns } from './change-request.ts';

/** The change request as tables of plain texts, for CSV and spreadsheets. The first row of each names the columns. */
export interface SheetTable {
  readonly name: string;
  readonly rows: readonly (readonly string[])[];
}

export function sheets({ openings, groups, hosts, notes }: ChangeRequest): readonly SheetTable[] {
  return [
    {
      name: 'Openings',
      rows: [
        columns.openings,
        ...openings.map((opening, index) => [
          String(index + 1),
          opening.reference,
          opening.from.join('\n'),
          opening.to.join('\n'),
          opening.service,
          opening.justification.join('\n'),
          opening.origin,
          opening.owner,
          opening.expiry,
          opening.rollback,
        ]),
      ],
    },
    // A line for each host: a cell takes 32,767 characters.
    {
      name: 'Groups',
      rows: [columns.groups, ...groups.flatMap(({ name, hosts: members }) => members.map((host) => [name, host]))],
    },
    {
      name: 'Hosts',
      rows: [
        columns.hosts,
        ...hosts.map(({ name, zone, addresses, names, roles }) => [
          name,
          zone,
          addresses.join('\n'),
          names.join('\n'),
          roles.join(', '),
        ]),
      ],
    },
    { name: 'Notes', rows: [['Note'], ...notes.map((note) => [note])] },
  ];
}
