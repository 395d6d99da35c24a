/** `docs/PORTS.md`, for whoever writes the firewall rules. */

import { type Channel, type ChannelId, channels, fallbacksOf } from './channels.ts';
import { channelsOf } from './computer.ts';
import { deviations } from './deviations.ts';
import { features } from './features.ts';
import { certificateRole, type Platform, type Role, roleEntry } from './roles.ts';
import type { SourceDocument } from './row-spec.ts';
import { countRows, isOff, type RowStatus, rowStatuses } from './row-status.ts';
import { findRow, type Row } from './rows.ts';
import { formatBusy, formatPorts, formatRange, formatRoles } from './wording.ts';

/** The chapters by role. A chapter with several roles is about one kind of computer whose platform does not matter much. */
const chapters: readonly { readonly title: Role; readonly roles: readonly Role[]; readonly platform?: Platform }[] = [
  { title: 'backup-server', roles: ['backup-server'] },
  {
    title: 'data-mover',
    roles: [
      'data-mover',
      'repository',
      'repository-linux',
      'repository-windows',
      'gateway',
      'gateway-linux',
      'gateway-windows',
    ],
  },
  { title: 'agent-windows', roles: ['agent-windows'] },
  { title: 'agent-linux', roles: ['agent-linux'] },
  { title: 'agent-unix', roles: ['agent-unix'] },
  { title: 'agent-macos', roles: ['agent-macos'] },
  { title: 'recovery-media', roles: ['recovery-media'] },
  { title: 'cloud-machine-ec2', roles: ['cloud-machine-ec2'] },
  { title: 'cloud-machine-azure', roles: ['cloud-machine-azure'] },
  { title: 'mount-server', roles: ['mount-server'] },
  { title: 'cloud-gateway', roles: ['cloud-gateway'] },
  {
    title: 'distribution-server',
    roles: ['distribution-server', 'distribution-server-linux', 'distribution-server-windows'],
  },
  { title: 'update-server', roles: ['update-server'] },
  { title: 'client', roles: ['client'] },
];

const documentTitles: Readonly<Record<SourceDocument, string>> = {
  managed: 'managed agents',
  standalone: 'stand-alone agents',
  'managed-newer': 'managed agents, newer edition',
};

const subjects: Readonly<Record<Channel['subject'], string>> = {
  'control-plane': 'Control',
  data: 'Data',
  local: 'Within one computer',
  deployment: 'Deployment, and restore to running computers',
  distribution: 'Distribution servers',
  'object-storage': 'Object storage',
  cloud: 'Cloud machines and service providers',
  shares: 'Shared folders',
  services: 'Services of the network',
  own: 'Between our own parts',
};

const securityTitles: Readonly<Record<Channel['security'], string>> = {
  'mutual-tls': 'TLS 1.3, both ends present certificates of the installation',
  'server-tls':
    'TLS 1.3 with a certificate of the installation; the caller proves itself with a token, grant or password',
  'public-tls': 'TLS with a publicly trusted certificate, or one that the configuration pins',
  protocol: "the protocol's own means",
  none: 'plain text; nothing secret passes',
  local: 'permissions of the socket, or the loopback interface',
};

const code = (text: string): string => `\`${text}\``;
const link = (id: ChannelId): string => `[${id}](#${id})`;
const cell = (text: string): string => text.replaceAll('|', '\\|');

function table(head: readonly string[], body: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...body.map(line), ''];
}

function channelTable(entries: readonly Channel[], other: 'from' | 'to'): string[] {
  const body = entries.map((entry) => [
    formatPorts(entry, isOff(entry.id)),
    formatRoles(entry[other]),
    link(entry.id),
    `${entry.purpose}${entry.optional ? ` *Needed ${entry.optional.condition}.*` : ''}`,
    entry.features.join(', '),
    fallbacksOf(entry.id)
      .map(({ id }) => link(id))
      .join(', '),
  ]);
  return table(
    ['Protocol and port', other === 'from' ? 'From' : 'To', 'Channel', 'For', 'Stops without it', 'Fallback'],
    body,
  );
}

function chapter({ title, roles, platform }: (typeof chapters)[number]): string[] {
  const { listens, dials, local } = channelsOf({ roles, ...(platform === undefined ? {} : { platform }) });
  const certificate = certificateRole(title);
  const lines = [`### ${title}`, '', roleEntry(title).description];
  if (certificate !== 'none') lines.push('', `Its certificate names the role ${code(certificate)}.`);
  if (roles.length > 1) {
    const also = roles.filter((role) => role !== title).map(code);
    lines.push('', `Covers ${also.join(', ')} too: open what applies to the platform and to what it is used for.`);
  }
  lines.push('');
  if (listens.length > 0) lines.push('**Incoming**', '', ...channelTable(listens, 'from'));
  else lines.push('**Incoming:** nothing.', '');
  if (dials.length > 0) lines.push('**Outgoing**', '', ...channelTable(dials, 'to'));
  else lines.push('**Outgoing:** nothing.', '');
  if (local.length > 0) {
    const list = local.map((entry) => `${link(entry.id)} (${formatPorts(entry, false)})`).join(', ');
    lines.push(`**Within the computer**, no firewall rule: ${list}.`, '');
  }
  return lines;
}

function details(entry: Channel): string[] {
  const off = isOff(entry.id);
  const busy = formatBusy(entry);
  const standsIn = fallbacksOf(entry.id).map(({ id }) => link(id));
  const facts: [string, string | undefined][] = [
    ['From', formatRoles(entry.from)],
    ['To', `${formatRoles(entry.to)}${entry.loopbackOnly ? ', on the same computer, loopback interface only' : ''}`],
    ['Protocol and port', `${formatPorts(entry, off)}${busy ? `; ${busy}` : ''}`],
    ['Needed', entry.optional?.condition],
    ['Programs', `${entry.processes.from.join(', ')} to ${entry.processes.to.join(', ')}`],
    ['Speaks', entry.application],
    ['Secured by', securityTitles[entry.security]],
    ['Configured as', entry.configurationKey && code(entry.configurationKey)],
    ['Hosts', entry.endpoints.map(({ host, region }) => `${code(host)}${region ? ` (${region})` : ''}`).join(', ')],
    ['Stops without it', entry.features.map((feature) => `${features[feature]} (${feature})`).join('; ')],
    ['Stands in for', entry.fallbackOf && link(entry.fallbackOf)],
    [
      'When it is blocked',
      standsIn.length > 0 ? `${standsIn.join(', ')} stands in; the run ends degraded and says so` : undefined,
    ],
    ['Why it exists', entry.reason],
    ['Rows', entry.rows.map(code).join(', ')],
    ['Note', entry.note],
  ];
  const lines = facts.flatMap(([name, value]) => (value ? [`- ${name}: ${value}`] : []));
  return [`#### ${entry.id}`, '', entry.purpose, '', ...lines, ''];
}

function asked(row: Row): string {
  const increment = row.increment ? (row.increment.to === undefined ? '+' : ` to ${row.increment.to}`) : '';
  const ports = row.ports.length > 0 ? row.ports.map(formatRange).join(', ') + increment : 'as configured';
  return `${formatRoles(row.from)} to ${formatRoles(row.to)}, ${row.transport} ${ports}`;
}

function rowLine(status: RowStatus): string[] {
  const row = findRow(status.id);
  const state = status.status === 'live' ? `live on ${status.platforms.join(', ')}: ${status.test}` : status.status;
  const source = row ? `${documentTitles[row.document]}, ${row.lines.join(', ')}` : '';
  return [code(status.id), source, row ? asked(row) : '', link(status.channel.id), state];
}

function subjectSections<T>(
  entries: readonly T[],
  o: { subject: (entry: T) => Channel['subject']; lines: (entries: readonly T[]) => string[] },
): string[] {
  return (Object.keys(subjects) as Channel['subject'][]).flatMap((subject) => {
    const mine = entries.filter((entry) => o.subject(entry) === subject);
    return mine.length === 0 ? [] : [`### ${subjects[subject]}`, '', ...o.lines(mine)];
  });
}

/** The whole document. It depends on nothing but the contract, so that a test can hold the file against it. */
export function renderPortsDocument(): string {
  const counts = countRows();
  const own = channels.filter(({ origin }) => origin === 'own').length;
  const withHosts = channels.filter(({ endpoints }) => endpoints.length > 0);
  const voids = rowStatuses.filter((row) => row.status === 'void');
  const lines = [
    '# Ports',
    '',
    '<!-- Made by `node packages/contract/src/generate-docs.ts` from packages/contract. Change the data, not this file. -->',
    '',
    'Every connection that Holdfast makes or accepts, as the sockets of its programs, the errors and this page all take it',
    'from one table. What is not here is never opened. A *channel* is one allowed connection; a *row* is one line of the',
    'port tables that Holdfast was built from.',
    '',
    ...table(
      ['', 'Count'],
      [
        ['Channels', String(channels.length)],
        ['of them our own, without a row', String(own)],
        ['Rows', String(rowStatuses.length)],
        ['live: a test makes the connection', String(counts.live)],
        ['planned', String(counts.planned)],
        ['void: cannot exist, opens nothing', String(counts.void)],
      ],
    ),
    '**To write firewall rules:** find the roles of each computer under [By role](#by-role). *Incoming* has to be opened on the',
    'computer itself, *Outgoing* on the way from it; an answer to an open connection needs no rule. A range marked *one port',
    'per connection* has to be open as a whole. On a terminal: `holdfast ports list --role ROLE`, and `--json` for machines.',
    '',
    '**When something is blocked:** the error names the channel, and [Channels](#channels) says what stops, and what stands in',
    'for it.',
    '',
    '## By role',
    '',
    ...chapters.map(({ title }) => `- [${title}](#${title}): ${roleEntry(title).description}`),
    '',
    'A computer that was started from recovery media needs what the agent of its platform needs besides what its own chapter',
    'says. The setup service (6160, or 11731) runs on the computers that it installs to and is listed with them.',
    '',
    ...chapters.flatMap(chapter),
    '## Host names outside',
    '',
    'Patterns for rules that go by name. Words in angle brackets come from the configuration. Hosts that tell whether',
    'certificates are revoked can change; each certificate names the ones that count.',
    '',
    ...table(
      ['Channel', 'Port', 'Hosts'],
      withHosts.map((entry) => [
        link(entry.id),
        formatPorts(entry, false),
        entry.endpoints.map(({ host, region }) => `${code(host)}${region ? ` (${region})` : ''}`).join(', '),
      ]),
    ),
    '## Channels',
    '',
    ...subjectSections(channels, { subject: (entry) => entry.subject, lines: (entries) => entries.flatMap(details) }),
    '## Rows',
    '',
    'What the source tables ask for, with their lines, and the channel that does it. A row is live only when a test makes that',
    'connection between the roles that it names, on the platforms given.',
    '',
    ...subjectSections(
      rowStatuses.filter(({ status }) => status !== 'void'),
      {
        subject: ({ channel }) => channel.subject,
        lines: (entries) => table(['Row', 'Source, line', 'Asks for', 'Channel', 'Status'], entries.map(rowLine)),
      },
    ),
    '## Void rows',
    '',
    'Off: nothing listens or dials there, and no rule is needed.',
    '',
    ...table(
      ['Row', 'Channel', 'Reason'],
      voids.map((row) => [code(row.id), link(row.channel.id), row.status === 'void' ? row.reason : '']),
    ),
    '## Where the contract differs from its rows',
    '',
    ...table(
      ['Channel', 'Settled as', 'Reason'],
      deviations.map(({ channel, settled, reason }) => [link(channel), settled, reason]),
    ),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}
