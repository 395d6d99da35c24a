import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { formatTime, parseTime } from '@holdfast/repository';
import fc from 'fast-check';
import { localTime, maxTimeChars } from './local-time.ts';

const second = 1_000_000_000n;

describe('local time', () => {
  it('is what the slow way gives, at any moment', () => {
    const moment = fc.oneof(
      fc.bigInt(-5_000_000_000n * second, 10_000_000_000n * second),
      fc.bigInt(0n, 4_000_000_000n).map((seconds) => seconds * second),
      fc.bigInt(0n, 4_000_000_000_000n).map((ms) => ms * 1_000_000n),
      fc.bigInt(-(1n << 90n), 1n << 90n),
    );
    fc.assert(
      fc.property(moment, (timeNs) => {
        const seconds = Number((timeNs - (((timeNs % second) + second) % second)) / second);
        const offset = -new Date(seconds * 1000).getTimezoneOffset();
        const text = localTime(timeNs);
        assert.equal(text, formatTime(timeNs, Number.isNaN(offset) ? 0 : offset));
        assert.ok(text.length <= maxTimeChars);
      }),
    );
  });

  for (const zone of ['Europe/Berlin', 'America/St_Johns', 'Asia/Kolkata', 'Africa/Casablanca'])
    it(`has the offset of the moment, also on days on which clocks are changed: ${zone}`, () => {
      // Every seven hours of some years, in a process of its own, because the zone is read once.
      const script = `
        const { localTime } = await import('${import.meta.dirname}/local-time.ts');
        for (let seconds = 1_700_000_001; seconds < 1_800_000_000; seconds += 25_200)
          console.log(seconds, localTime(BigInt(seconds) * ${second}n), -new Date(seconds * 1000).getTimezoneOffset());`;
      const answer = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
        encoding: 'utf8',
        env: { ...process.env, TZ: zone },
      });
      assert.equal(answer.status, 0, answer.stderr);
      const lines = answer.stdout.trim().split('\n');
      assert.equal(lines.length, 3969);
      for (const line of lines) {
        const [seconds = '', text = '', offset = ''] = line.split(' ');
        assert.equal(parseTime(text), BigInt(seconds) * second);
        assert.equal(text, formatTime(BigInt(seconds) * second, Number(offset)));
      }
    });
});
