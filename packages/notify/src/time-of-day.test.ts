import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { lastTimeOfDay, nextTimeOfDay, wallClock } from './time-of-day.ts';

const berlin = 'Europe/Berlin';
const last = (at: string, now: string): string => lastTimeOfDay(at, berlin, new Date(now)).toISOString();
const next = (at: string, now: string): string => nextTimeOfDay(at, berlin, new Date(now)).toISOString();

test('a time of day is one of its place, winter and summer', () => {
  assert.equal(last('07:30', '2026-01-10T06:30:00Z'), '2026-01-10T06:30:00.000Z');
  assert.equal(last('07:30', '2026-01-10T06:29:59Z'), '2026-01-09T06:30:00.000Z');
  assert.equal(last('07:30', '2026-07-10T06:00:00Z'), '2026-07-10T05:30:00.000Z');
  assert.equal(next('07:30', '2026-07-10T06:00:00Z'), '2026-07-11T05:30:00.000Z');
  assert.equal(wallClock('2026-07-10T22:05:59Z', berlin), '2026-07-11 00:05');
});

test('a time that a clock change leaves out comes just after it, one that comes twice is the first', () => {
  // On 29 March 02:00 to 03:00 does not exist; on 25 October it comes twice.
  assert.equal(next('02:30', '2026-03-28T12:00:00Z'), '2026-03-29T01:30:00.000Z');
  assert.equal(next('02:30', '2026-10-24T12:00:00Z'), '2026-10-25T00:30:00.000Z');
  assert.equal(last('02:30', '2026-10-25T01:30:00Z'), '2026-10-25T00:30:00.000Z');
});

test('a day that a place leaves out altogether has no time of day of its own', () => {
  // Samoa went from 29 to 31 December 2011, across the date line.
  const now = new Date('2011-12-30T10:10:00Z');
  assert.equal(wallClock(now, 'Pacific/Apia'), '2011-12-31 00:10');
  assert.equal(wallClock(lastTimeOfDay('07:30', 'Pacific/Apia', now), 'Pacific/Apia'), '2011-12-29 07:30');
  assert.equal(wallClock(nextTimeOfDay('07:30', 'Pacific/Apia', now), 'Pacific/Apia'), '2011-12-31 07:30');
});

test('between the last and the next lies at most a day and a clock change, and the moment itself', () => {
  const zones = ['Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe', 'Pacific/Apia', 'UTC'];
  const moments = fc.date({ min: new Date('2000-01-01'), max: new Date('2060-01-01'), noInvalidDate: true });
  const times = fc.tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }));
  const two = (value: number): string => String(value).padStart(2, '0');
  fc.assert(
    fc.property(moments, times, fc.constantFrom(...zones), (now, [hour, minute], zone) => {
      const at = `${two(hour)}:${two(minute)}`;
      const [before, after] = [lastTimeOfDay(at, zone, now), nextTimeOfDay(at, zone, now)];
      assert.ok(before <= now && now < after);
      // Clocks are changed by an hour, or by a day once.
      assert.ok(after.getTime() - before.getTime() <= 50 * 3_600_000);
    }),
  );
});
