import type { Message } from './catalogue.ts';

/** The texts of one repository and what is done in it, in German. */
export const repositoryDe = {
  'drill.amount': 'Wie viel von jeder',
  'drill.amount.sample': 'eine Stichprobe von Dateien',
  'drill.amount.whole': 'alles',
  'drill.computers': 'Computer jedes Mal',
  'drill.files': 'Dateien',
  'drill.minutes': 'Höchstens Minuten',
  'drill.most': 'Höchstens GiB',
  'drill.only': {
    one: 'Nur von {count} Computer, wie festgelegt.',
    other: 'Nur von {count} Computern, wie festgelegt.',
  },
  'drills.backup-of': 'Sicherung vom',
  'drills.coverage.sample': 'eine Stichprobe',
  'drills.coverage.whole': 'alles',
  'drills.none': 'Noch keine Sicherung in diesem Repository wurde zur Probe wiederhergestellt.',
  'drills.restored': {
    one: '{coverage}: {count} Datei, {size}, jedes Byte wie gesichert. Die ganze Sicherung würde {whole} dauern.',
    other: '{coverage}: {count} Dateien, {size}, jedes Byte wie gesichert. Die ganze Sicherung würde {whole} dauern.',
  },
  'drills.result': 'Was wiederhergestellt wurde',
  'drills.save': 'Beleg',
  'drills.save.named': 'Beleg Nr. {number}',
  'drills.title': 'Probe-Wiederherstellungen',
  'maintenance.analysis': 'In den Sicherungen nach Anzeichen von Ransomware suchen',
  'maintenance.analysis.hint':
    'Alarm, wenn viele Dateien einer Endung weg oder umbenannt sind. Nichts für Repositorys, in denen Dateien kommen und gehen.',
  'maintenance.change': 'Ändern, was in {name} getan wird',
  'maintenance.delayed': '{kind} war am {since} fällig und wartet auf den Computer dafür, der nicht da ist:',
  'maintenance.last': 'Zuletzt',
  'maintenance.less':
    'Wo weniger als bisher aufbewahrt würde, muss womöglich zuerst ein anderer Administrator zustimmen.',
  'maintenance.parts': 'Inhalte in so vielen Teilen lesen, jedes Mal einen',
  'maintenance.parts.hint': 'Nach so vielen Prüfungen wurde alles gelesen. 0: Inhalte werden nicht gelesen.',
  'maintenance.read-everything': 'Prüfen und alles lesen',
  'maintenance.stale': 'Verlorene Computer loslassen nach Tagen',
  'maintenance.stale.hint':
    'Von einem Computer, dessen neueste Sicherung älter ist, bleiben nur wöchentliche, monatliche und jährliche. Leer: Alle bleiben.',
  'maintenance.title': 'Wartung',
  'maintenance.unused': 'Verschnitt, der bleiben darf, in Prozent',
  'maintenance.zone': 'Nach der Uhr von {zone}',
  'repository.all-jobs': 'Alle Jobs dieses Repositorys',
  'repository.all-policies': 'Alle Richtlinien dieses Repositorys',
  'repository.change': '{change} seit {day}',
  'repository.change-maintenance': 'Aufbewahrung und Wartung ändern',
  'repository.executor': 'Darin arbeitet',
  'repository.facts': 'Wo es ist und wem es gehört',
  'repository.jobs': 'Was dorthin sichert',
  'repository.keep-all': 'bis jemand sie löscht',
  'repository.keep-hint': 'Ein Job oder eine Richtlinie mit eigener Regel wird nach dieser aufbewahrt.',
  'repository.made': 'Angelegt',
  'repository.measured': 'von seinem Data Mover gemessen',
  'repository.no-jobs': 'Kein Job und keine Richtlinie sichert dorthin.',
  'repository.stale': {
    one: 'Von einem Computer, dessen neueste Sicherung älter als {count} Tag ist, bleiben nur wöchentliche, monatliche und jährliche.',
    other:
      'Von einem Computer, dessen neueste Sicherung älter als {count} Tage ist, bleiben nur wöchentliche, monatliche und jährliche.',
  },
  'repository.subtitle': 'Ein gewöhnliches restic-Repository.',
  'repository.trend': 'Was es belegte, Tag für Tag',
  'repository.unmeasured': 'Sein Data Mover misst es einmal am Tag, von der ersten Sicherung an.',
  'repository.used-by.job': 'Job',
  'repository.used-by.policy': 'Richtlinie',
  'repository.users': 'Wer es benutzen darf',
  'repository.users.own': 'Ein Computer allein, dessen eigenes es ist:',
  'repository.users.shared': 'Die Computer seiner Jobs gemeinsam: Jeder von ihnen hat den Schlüssel zu allem darin.',
  'repository.waiting': {
    one: '{count} Änderung der Aufbewahrung hier wartet auf einen anderen Administrator.',
    other: '{count} Änderungen der Aufbewahrung hier warten auf einen anderen Administrator.',
  },
  'zero-knowledge.lead': 'Der Server hat keinen Schlüssel für dieses Repository. Nur ein Computer hat ihn:',
  'zero-knowledge.maintenance':
    'Dieser Computer wendet die Aufbewahrung an, gibt Platz frei, prüft und probt, wenn er da ist: Was fällig ist, wartet auf ihn.',
  'zero-knowledge.no-looking':
    'Der Server kann darin nicht blättern, suchen, vergleichen oder etwas herunterladen: Ganze Sicherungen werden auf diesem Computer wiederhergestellt, oder mit holdfast auf ihm.',
  'zero-knowledge.no-other':
    'Kein anderer Computer kann dorthin sichern oder vom Server eine Sicherung daraus bekommen.',
  'zero-knowledge.no-password':
    'Der Server kann sein Passwort nicht zeigen, und kein Wiederherstellungssatz des Servers öffnet es: Das kann nur die Wiederherstellungsphrase dieses Computers.',
  'zero-knowledge.title': 'Ohne Wissen des Servers',
} as const satisfies Readonly<Record<string, Message>>;
