import type { Message } from './catalogue.ts';
import type { panelEn } from './panel-en.ts';

/** The texts of the control panel of a computer, in German. */
export const panelDe = {
  'panel.backed-up': { one: '{count} Datei, {bytes}', other: '{count} Dateien, {bytes}' },
  'panel.backup-of': 'Sicherung vom {at}',
  'panel.backups': 'Sicherungen',
  'panel.backups-named': 'Sicherungen von {name}',
  'panel.backups-of': 'Sicherungen von {name}',
  'panel.unreadable': {
    one: 'Ein Wiederherstellungspunkt des Repositorys ist nicht lesbar und fehlt in der Liste: Lassen Sie es prüfen (holdfast check).',
    other:
      '{count} Wiederherstellungspunkte des Repositorys sind nicht lesbar und fehlen in der Liste: Lassen Sie es prüfen (holdfast check).',
  },
  'panel.cut':
    'Das Repository hat mehr Wiederherstellungspunkte, als hier durchgesehen werden; die Liste ist nicht vollständig. Die Konsole des Servers hat alle.',
  'panel.by.panel': 'hier verlangt',
  'panel.by.server': 'ein Auftrag des Servers',
  'panel.cancel': 'Anhalten',
  'panel.closed': 'Bedienfeld',
  'panel.closed.lead':
    'Es öffnet sich mit einem Link, der einmal gilt. Führen Sie diesen Befehl auf diesem Computer aus, und öffnen Sie den Link, den er ausgibt.',
  'panel.command': 'Befehl, der einen Link ausgibt',
  'panel.key': 'Schlüssel der Sicherungen',
  'panel.key.own': 'hat nur dieser Computer',
  'panel.key.server': 'hat der Server',
  'panel.last-backup': 'Letzte Sicherung',
  'panel.lead': 'Was der Agent dieses Computers tut, für alle, die davor sitzen.',
  'panel.next': 'nächstes Mal {at}',
  'panel.no-policies':
    'Diesem Computer wurde keine Richtlinie gegeben. Aufträge des Servers beginnt der Server: in seiner Konsole auf {server}, oder seine Verwaltung; dort wird auch wiederhergestellt, was sie gesichert haben.',
  'panel.no-tasks': 'Noch ist nichts gelaufen.',
  'panel.opening': 'Der Agent öffnet {repository} …',
  'panel.overwritten': { one: '{count} vorhandene wird ersetzt.', other: '{count} vorhandene werden ersetzt.' },
  'panel.policies': 'Richtlinien',
  'panel.restore': 'Wiederherstellen',
  'panel.restore-chosen': { one: 'Oben ist {count} Eintrag gewählt.', other: 'Oben sind {count} Einträge gewählt.' },
  'panel.restore-folder': 'Alles in {path}, weil nichts daraus gewählt ist.',
  'panel.restored': {
    one: '{count} Datei, {bytes}, wiederhergestellt nach {target}',
    other: '{count} Dateien, {bytes}, wiederhergestellt nach {target}',
  },
  'panel.run': 'Jetzt ausführen',
  'panel.run-named': 'Jetzt ausführen: {name}',
  'panel.server': 'Server',
  'panel.server.away': 'Richtlinien laufen ohne ihn, und er erfährt davon, wenn er wieder da ist.',
  'panel.state': 'Zustand',
  'panel.tasks': 'Sicherungen und Wiederherstellungen',
  'panel.this-restore': 'Diese Wiederherstellung',
  'panel.to': 'nach {repository}',
  'panel.unreachable':
    'Der Agent antwortet nicht. Was Sie sehen, ist von vorher. Wenn er neu gestartet ist, gibt `sudo holdfast panel` einen neuen Link aus.',
  'panel.waits': 'Fällig: beginnt, sobald das Zeitfenster offen ist und nichts anderes läuft.',
  'panel.waits-until': 'Der letzte Versuch ist gescheitert; der nächste ist {at} fällig.',
  'panel.whole-computer': 'Der ganze Computer',
  'panel.would': {
    one: '{count} Datei, {bytes}, würde nach {target} wiederhergestellt. Nichts wurde geändert.',
    other: '{count} Dateien, {bytes}, würden nach {target} wiederhergestellt. Nichts wurde geändert.',
  },
} satisfies Readonly<Record<keyof typeof panelEn, Message>>;
