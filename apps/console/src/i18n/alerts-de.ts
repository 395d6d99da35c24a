import type { alertsEn } from './alerts-en.ts';
import type { Message } from './catalogue.ts';

/** Of ransomware alerts: a part of the German catalogue. */
export const alertsDe: Readonly<Record<keyof typeof alertsEn, Message>> = {
  'alerts.acknowledge': 'Erledigt',
  'alerts.acknowledge.named': 'Erledigt: der Alarm von {name}',
  'alerts.all': 'Alle',
  'alerts.deleted': {
    one: '{count} von {of} Dateien {extension} ist weg',
    other: '{count} von {of} Dateien {extension} sind weg',
  },
  'alerts.deleted.beyond': {
    one: '{count} Datei ist weg, sehr vieler Endungen',
    other: '{count} Dateien sind weg, sehr vieler Endungen',
  },
  'alerts.earlier': 'Wie es vorher war',
  'alerts.earlier.link': 'In die frühere Sicherung sehen',
  'alerts.extension.none': 'ohne Endung',
  'alerts.extension.untold': 'einer Endung',
  'alerts.false-alarm': 'Falscher Alarm',
  'alerts.false-alarm.hint':
    'Nach einem falschen Alarm müssen auf diesem Computer mehr Dateien dieser Endungen weg sein, bis es wieder Alarm gibt.',
  'alerts.false-alarm.named': 'Falscher Alarm: {name}',
  'alerts.found': 'Gefunden',
  'alerts.lead':
    'Sicherungen, in denen Dateien weg oder umbenannt sind, wie Ransomware es macht, verglichen mit einer früheren.',
  'alerts.none': 'Keine Sicherung sieht danach aus.',
  'alerts.none-open': 'Kein Alarm wartet auf jemanden.',
  'alerts.open': 'Offen',
  'alerts.renamed': {
    one: '{count} Datei in {folders} Ordnern hat eine neue Endung: {extension}',
    other: '{count} Dateien in {folders} Ordnern haben eine neue Endung: {extension}',
  },
  'alerts.settled-by': 'Erledigt von',
  'alerts.state.acknowledged': 'Erledigt',
  'alerts.state.false-alarm': 'Falscher Alarm',
  'alerts.state.open': 'Offen',
  'alerts.title': 'Ransomware-Alarme',
  'alerts.which': 'Welche Alarme gezeigt werden',
  'nav.alerts': 'Alarme',
};
