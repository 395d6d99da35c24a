import type { Message } from './catalogue.ts';

/** Of ransomware alerts: a part of the English catalogue. */
export const alertsEn = {
  'alerts.acknowledge': 'Seen to',
  'alerts.acknowledge.named': 'Seen to: the alert of {name}',
  'alerts.all': 'All',
  'alerts.deleted': {
    one: '{count} of {of} files {extension} is gone',
    other: '{count} of {of} files {extension} are gone',
  },
  'alerts.deleted.beyond': {
    one: '{count} file is gone, of very many extensions',
    other: '{count} files are gone, of very many extensions',
  },
  'alerts.earlier': 'As it was before',
  'alerts.earlier.link': 'Look into the earlier backup',
  'alerts.extension.none': 'without extension',
  'alerts.extension.untold': 'of one extension',
  'alerts.false-alarm': 'False alarm',
  'alerts.false-alarm.hint':
    'After a false alarm more files of these extensions have to be gone on this computer before it alarms again.',
  'alerts.false-alarm.named': 'False alarm: {name}',
  'alerts.found': 'Found',
  'alerts.lead': 'Backups in which files are gone or renamed as ransomware does it, by comparison with an earlier one.',
  'alerts.none': 'No backup looks like that.',
  'alerts.none-open': 'There is no alert that waits for somebody.',
  'alerts.open': 'Open',
  'alerts.renamed': {
    one: '{count} file in {folders} folders has a new extension: {extension}',
    other: '{count} files in {folders} folders have a new extension: {extension}',
  },
  'alerts.settled-by': 'Settled by',
  'alerts.state.acknowledged': 'Seen to',
  'alerts.state.false-alarm': 'False alarm',
  'alerts.state.open': 'Open',
  'alerts.title': 'Ransomware alerts',
  'alerts.which': 'Which alerts are shown',
  'nav.alerts': 'Alerts',
} as const satisfies Readonly<Record<string, Message>>;
