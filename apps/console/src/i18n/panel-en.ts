import type { Message } from './catalogue.ts';

/** The texts of the control panel of a computer, in English. */
export const panelEn = {
  'panel.backed-up': { one: '{count} file, {bytes}', other: '{count} files, {bytes}' },
  'panel.backup-of': 'Backup of {at}',
  'panel.backups': 'Backups',
  'panel.backups-named': 'Backups of {name}',
  'panel.backups-of': 'Backups of {name}',
  'panel.unreadable': {
    one: 'One restore point of the repository can’t be read and is not in the list: have it checked (holdfast check).',
    other:
      '{count} restore points of the repository can’t be read and are not in the list: have it checked (holdfast check).',
  },
  'panel.cut':
    'The repository has more restore points than are looked through here; the list is not complete. The server’s console has all of them.',
  'panel.by.panel': 'asked for here',
  'panel.by.server': 'a job of the server',
  'panel.cancel': 'Stop',
  'panel.closed': 'Control panel',
  'panel.closed.lead':
    'It opens with a link that is good once. Run this command on this computer, and open the link that it prints.',
  'panel.command': 'Command that prints a link',
  'panel.key': 'Key of the backups',
  'panel.key.own': 'only this computer has it',
  'panel.key.server': 'the server has it',
  'panel.last-backup': 'Last backup',
  'panel.lead': 'What the agent of this computer does, for whoever sits at it.',
  'panel.next': 'next {at}',
  'panel.no-policies':
    'No policy was handed to this computer. The jobs of the server are started by the server: in its console at {server}, or by its administrator, who can restore what they backed up, too.',
  'panel.no-tasks': 'Nothing has run yet.',
  'panel.opening': 'The agent opens {repository} …',
  'panel.overwritten': { one: '{count} that was there is replaced.', other: '{count} that were there are replaced.' },
  'panel.policies': 'Policies',
  'panel.restore': 'Restore',
  'panel.restore-chosen': { one: '{count} entry is chosen above.', other: '{count} entries are chosen above.' },
  'panel.restore-folder': 'All of {path}, as nothing in it is chosen.',
  'panel.restored': {
    one: '{count} file, {bytes}, restored to {target}',
    other: '{count} files, {bytes}, restored to {target}',
  },
  'panel.run': 'Run now',
  'panel.run-named': 'Run now: {name}',
  'panel.server': 'Server',
  'panel.server.away': 'Policies run without it, and are told when it is back.',
  'panel.state': 'State',
  'panel.tasks': 'Backups and restores',
  'panel.this-restore': 'This restore',
  'panel.to': 'to {repository}',
  'panel.unreachable':
    'The agent does not answer. What you see is as it was before. If it has started again, run `sudo holdfast panel` for a new link.',
  'panel.waits': 'Due: it begins when its window is open and nothing else runs.',
  'panel.waits-until': 'The last attempt failed; the next one is due {at}.',
  'panel.whole-computer': 'The whole computer',
  'panel.would': {
    one: '{count} file, {bytes}, would be restored to {target}. Nothing was changed.',
    other: '{count} files, {bytes}, would be restored to {target}. Nothing was changed.',
  },
} as const satisfies Readonly<Record<string, Message>>;
