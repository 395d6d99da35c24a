import { formatDuration } from '@holdfast/core';
import type { Outcome, RunPoint } from '../event.ts';
import type { Message } from './message.ts';
import { further } from './text.ts';

/**
 * HTML as mail readers show it: tables, attributes and inline styles. The picture of the last runs is made of coloured table
 * cells, because that is the one kind of picture that is shown everywhere at once: SVG and `data:` images are taken out by
 * most readers, linked images are blocked until somebody allows them, attached ones appear as attachments in many.
 */
export function messageHtml(message: Message): string {
  const colour = { information: '#2e7d32', warning: '#b26a00', error: '#c62828' }[message.severity];
  const parts = [
    `<p style="margin:0 0 12px;font-size:16px;font-weight:bold;border-left:4px solid ${colour};padding-left:10px">${escaped(message.headline)}</p>`,
    table(
      message.facts.map(
        ([label, value]) =>
          `<td style="padding:1px 16px 1px 0;color:#666666">${escaped(label)}</td><td>${escaped(value)}</td>`,
      ),
    ),
    list([
      ...message.problems.map(
        ({ code, message: what, guidance }) =>
          `${escaped(what)}<br><span style="color:#666666">${escaped(guidance)} (${escaped(code)})</span>`,
      ),
      ...further(message.furtherProblems, 'problem').map(escaped),
    ]),
    table([
      ...message.runs.map(
        ({ outcome, text }) =>
          `<td width="10" bgcolor="${colours[outcome]}" style="background:${colours[outcome]}">&nbsp;</td><td style="padding:2px 0 2px 8px">${escaped(text)}</td>`,
      ),
      ...further(message.furtherRuns, message.what).map(
        (line) => `<td></td><td style="padding:2px 0 2px 8px">${escaped(line)}</td>`,
      ),
    ]),
    historyPicture(message.history),
    `<p style="margin:16px 0 0;color:#888888;font-size:12px">${escaped(message.footer)}</p>`,
  ];
  return `<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>${escaped(message.subject)}</title></head>
<body style="margin:16px;font-family:Helvetica,Arial,sans-serif;font-size:14px;line-height:1.4;color:#222222;background:#ffffff">
${parts.filter((part) => part !== '').join('\n')}
</body></html>
`;
}

const colours = { succeeded: '#43a047', warning: '#fb8c00', failed: '#e53935' } as const satisfies Record<
  Outcome,
  string
>;
const words = { succeeded: 'succeeded', warning: 'ended with warnings', failed: 'failed' } as const;
const pictureHeightPx = 48;
const shortestBarPx = 6;

/** One bar for each run, the newest on the right: its colour is how it ended, its height how long it took. */
function historyPicture(history: readonly RunPoint[]): string {
  if (history.length < 2) return '';
  const longestMs = Math.max(1, ...history.map(({ durationMs }) => durationMs));
  const bars = history.map(({ outcome, durationMs, endedAt }) => {
    const height = shortestBarPx + Math.round(((pictureHeightPx - shortestBarPx) * durationMs) / longestMs);
    const told = `${endedAt}: ${words[outcome]} after ${formatDuration(durationMs)}`;
    // The height is given twice, and the cell has content, because some readers look at one of these only.
    return `<td valign="bottom" style="vertical-align:bottom;padding:0 1px" title="${escaped(told)}"><table role="presentation" cellpadding="0" cellspacing="0" border="0"><tr><td width="8" height="${height}" bgcolor="${colours[outcome]}" style="width:8px;height:${height}px;background:${colours[outcome]};font-size:1px;line-height:1px">&nbsp;</td></tr></table></td>`;
  });
  return `<p style="margin:16px 0 4px;color:#666666">Last runs, the newest on the right; the longest took ${escaped(formatDuration(longestMs))}</p>
<table cellpadding="0" cellspacing="0" border="0" height="${pictureHeightPx}"><tr>${bars.join('')}</tr></table>`;
}

function table(rows: readonly string[]): string {
  if (rows.length === 0) return '';
  return `<table cellpadding="0" cellspacing="0" border="0" style="margin:0 0 12px;font-size:14px">${rows.map((row) => `<tr>${row}</tr>`).join('')}</table>`;
}

function list(items: readonly string[]): string {
  return items.length === 0
    ? ''
    : `<ul style="margin:0 0 12px;padding-left:18px">${items.map((item) => `<li style="margin:0 0 6px">${item}</li>`).join('')}</ul>`;
}

/** Text as text, in content and in attributes. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
