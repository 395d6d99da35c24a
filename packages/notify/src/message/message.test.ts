import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { eventSchema, type NotificationEvent } from '../event.ts';
import { mimeMail } from '../senders/mail.ts';
import { sampleEvents } from '../testing/sample-events.ts';
import { messageHtml } from './html.ts';
import { messageOf } from './message.ts';
import { messageText } from './text.ts';

const zone = 'Europe/Berlin';
const said = (event: NotificationEvent): string => messageText(messageOf(event, zone));
const now = new Date('2026-01-10T06:31:00Z');

test('a failed run as text', () => {
  assert.equal(
    said(sampleEvents['run-ended']),
    `Backup homes of laptop failed.

Started: 2026-01-10 06:00
Ended:   2026-01-10 06:03, after 3 m 07 s
Files:   1,200
Read:    4.77 MiB
Stored:  977 KiB

- The storage is full.
  What to do: Free some space. (storage.full)
… and 2 more problems

Last runs, the newest on the right (+ succeeded, ! with warnings, X failed): ++!X
The last one took 4.0 s.

-- 
Holdfast on server, 2026-01-10 07:30 (Europe/Berlin)
`,
  );
});

test('the summary of a day as text', () => {
  assert.equal(
    said(sampleEvents['daily-summary']),
    `6 runs since 2026-01-09 07:30: 4 succeeded, 1 with warnings, 1 failed.

Offline: desktop

X 2026-01-10 06:03  Backup homes of laptop failed: The storage is full.
+ 2026-01-10 05:03  Backup etc of web succeeded
… and 4 more runs

-- 
Holdfast on server, 2026-01-10 07:30 (Europe/Berlin)
`,
  );
});

test('every kind of event has a subject and a sentence', () => {
  const subjects = Object.values(sampleEvents).map((event) => messageOf(event, zone).subject);
  assert.deepEqual(subjects, [
    'Backup homes of laptop failed',
    'laptop is offline',
    'Repository laptops: the check failed',
    'Restore drill homes on store succeeded',
    'Signs of ransomware on laptop',
    'The certificate of laptop ends soon',
    'Summary: 4 succeeded, 1 with warnings, 1 failed',
    'Trial message',
    'laptop is not protected',
    'ada asks for approval: deleteRepository laptops',
    'Wrong attempts to sign in as ada',
    '250 events',
  ]);
});

test('the picture has a bar for each run, of its colour and as high as it took long', () => {
  const html = messageHtml(messageOf(sampleEvents['run-ended'], zone));
  const bars = [...html.matchAll(/<td width="8" height="(\d+)" bgcolor="(#\w+)"/g)].map(([, height, colour]) => [
    Number(height),
    colour,
  ]);
  assert.deepEqual(bars, [
    [17, '#43a047'],
    [27, '#43a047'],
    [38, '#fb8c00'],
    [48, '#e53935'],
  ]);
  // Nothing that mail readers take out or ask about.
  assert.doesNotMatch(html, /<(svg|img|script|style|link)\b|url\(/);
});

const hostile = '<img src=x onerror="alert(1)">\r\nBcc: victim@example.com\r\n\r\n<script>&\u202e\u001b[31m\'';

function withName(name: string): NotificationEvent {
  const event = sampleEvents['run-ended'];
  const problems = [{ code: name, message: name, guidance: name }];
  return eventSchema.parse({ ...event, from: name, run: { ...event.run, name, computer: name, problems } });
}

test('texts of others are neither HTML nor headers nor steer a terminal', async () => {
  const event = withName(hostile);
  const html = messageHtml(messageOf(event, zone));
  assert.doesNotMatch(html, /<img|<script|onerror="/);
  assert.match(
    html,
    /&#60;img src=x onerror=&#34;alert\(1\)&#34;&#62; Bcc: victim@example\.com &#60;script&#62;&#38; \[31m&#39;/,
  );
  assert.doesNotMatch(said(event), /[\u001b\u202e\r]/);
  const outgoing = { id: randomUUID(), event, recipient: 'admin@example.com' };
  const mime = await mimeMail(outgoing, { from: 'a@example.com', to: 'admin@example.com', timeZone: zone, now });
  const [headers = ''] = mime.toString().split('\r\n\r\n');
  assert.doesNotMatch(headers, /^Bcc:/im);
  assert.equal(headers.match(/^To: /gm)?.length, 1);
});

const tagsOf = (event: NotificationEvent): string[] =>
  messageHtml(messageOf(event, zone)).match(/<\/?[a-zA-Z!][^\s>]*/g) ?? [];

test('no name whatsoever makes a header of its own or a tag', async () => {
  const plainTags = tagsOf(withName('x'));
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 120 }), async (name) => {
      const event = withName(name);
      assert.deepEqual(tagsOf(event), plainTags);
      const outgoing = { id: randomUUID(), event, recipient: 'admin@example.com' };
      const mime = await mimeMail(outgoing, { from: 'a@example.com', to: 'admin@example.com', timeZone: zone, now });
      const [headers = ''] = mime.toString().split('\r\n\r\n');
      const names = headers
        .split('\r\n')
        .filter((line) => !/^\s/.test(line))
        .map((line) => line.replace(/:.*/, ''));
      assert.deepEqual(names.sort(), [
        ...['Auto-Submitted', 'Content-Type', 'Date', 'From', 'MIME-Version', 'Message-ID', 'Subject', 'To'],
      ]);
    }),
    { numRuns: 20 },
  );
});
