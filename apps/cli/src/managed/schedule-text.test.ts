import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bandwidthText,
  parseBandwidth,
  parseSchedule,
  parseWindow,
  scheduleText,
  windowText,
} from './schedule-text.ts';

test('what is printed can be given again', () => {
  for (const text of [
    'manual',
    'daily 21:00',
    'weekly mon,fri 21:00',
    'weekly all 06:30',
    'monthly 31 05:00',
    'monthly last 05:00',
    'monthly last friday 05:00',
    'monthly second tuesday 05:00',
    'every 15m',
    'every 45m 08:00-18:00',
    'every 60m 22:00-24:00 mon,sat',
    'cron 0 21 * * 1-5',
  ]) {
    const parsed = parseSchedule(text);
    assert.ok(!('job' in parsed));
    assert.equal(
      scheduleText(parsed, (id) => id),
      text,
    );
  }
  for (const text of ['22:00-06:00', 'mon,fri 22:00-24:00']) assert.equal(windowText(parseWindow(text)), text);
});

test('bandwidth rules', () => {
  const rules = parseBandwidth(['10m', '2m mon-fri 08:00-18:00']);
  assert.deepEqual(
    rules.map(({ bytesPerSecond, windows }) => [bytesPerSecond, windows.length]),
    [
      [10_485_760, 0],
      [2_097_152, 1],
    ],
  );
  assert.deepEqual(rules.map(bandwidthText), ['10.0 MiB/s', '2.00 MiB/s mon,tue,wed,thu,fri 08:00-18:00']);
  assert.deepEqual(parseBandwidth(['off']), []);
  for (const text of ['fast', '1k', '2m sometime', 'off', ''])
    assert.throws(() => parseBandwidth([text, '10m']), { code: 'usage.option' }, text);
});

test('short forms', () => {
  assert.deepEqual(parseSchedule('weekly fri-mon 21:00'), {
    kind: 'weekly',
    days: ['monday', 'friday', 'saturday', 'sunday'],
    at: '21:00',
  });
  assert.deepEqual(parseSchedule('after nightly files'), { kind: 'after', job: 'nightly files' });
  assert.equal(parseSchedule('every 2h').kind, 'interval');
});

test('what is none is refused', () => {
  for (const text of [
    '',
    'sometimes',
    'daily',
    'daily 25:00',
    'manual now',
    'weekly someday 21:00',
    'monthly 32 21:00',
    'monthly fifth friday 21:00',
    'every 0m',
    'every day',
    'cron every day',
  ])
    assert.throws(() => parseSchedule(text), { code: 'usage.option' }, text);
  for (const text of ['22:00', 'always', '22:00-25:00'])
    assert.throws(() => parseWindow(text), { code: 'usage.option' }, text);
});
