import { formatDuration } from '@holdfast/core';
import type { Outcome } from '../event.ts';
import type { Message } from './message.ts';

const marks = { succeeded: '+', warning: '!', failed: 'X' } as const satisfies Record<Outcome, string>;

/** For people whose mail reader shows no HTML. Every text of others in it is one line already. */
export function messageText(message: Message): string {
  const widest = Math.max(0, ...message.facts.map(([label]) => label.length));
  const blocks = [
    message.headline,
    message.facts.map(([label, value]) => `${`${label}:`.padEnd(widest + 2)}${value}`).join('\n'),
    [
      ...message.problems.map(({ code, message: what, guidance }) => `- ${what}\n  What to do: ${guidance} (${code})`),
      ...further(message.furtherProblems, 'problem'),
    ].join('\n'),
    [
      ...message.runs.map(({ outcome, text }) => `${marks[outcome]} ${text}`),
      ...further(message.furtherRuns, message.what),
    ].join('\n'),
    historyText(message),
    `-- \n${message.footer}`,
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

/** `Last runs, the newest on the right: ++!X+` */
function historyText({ history }: Message): string {
  const last = history.at(-1);
  if (history.length < 2 || last === undefined) return '';
  const line = history.map(({ outcome }) => marks[outcome]).join('');
  return `Last runs, the newest on the right (+ succeeded, ! with warnings, X failed): ${line}\nThe last one took ${formatDuration(last.durationMs)}.`;
}

export function further(count: number, one: string): string[] {
  return count === 0 ? [] : [`… and ${count} more ${one}${count === 1 ? '' : 's'}`];
}
