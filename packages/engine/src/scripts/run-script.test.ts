import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import fc from 'fast-check';
import { OutputTail } from './output-tail.ts';
import { runScript } from './run-script.ts';

test('of what is printed the end is kept, in whatever pieces it comes', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n', ' ') });
  fc.assert(
    fc.property(fc.array(text, { maxLength: 20 }), fc.integer({ min: 1, max: 30 }), (pieces, maxBytes) => {
      const tail = new OutputTail(maxBytes);
      for (const piece of pieces) tail.add(Buffer.from(piece));
      const whole = pieces.join('');
      const left = Math.max(0, whole.length - maxBytes);
      const end = whole.slice(left).trimEnd();
      assert.equal(tail.text, left > 0 ? `(${left} bytes before this are left out)\n${end}` : end);
    }),
  );
  const tail = new OutputTail(100);
  tail.add(Buffer.from('red \u001b[31m\u202e\r\nnext'));
  assert.doesNotMatch(tail.text, /[\u001b\u202e\r]/);
});

test('what it prints is told to its last byte; a program that it leaves behind holds nobody up', {
  skip: skipUnless({ platform: 'linux' }),
}, async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'script');
  const ran = async (body: string, signal?: AbortSignal): Promise<string> => {
    writeFileSync(path, `#!/bin/sh\n${body}\n`);
    chmodSync(path, 0o755);
    const output = new OutputTail(1024 * 1024);
    const onOutput = (piece: Buffer): void => output.add(piece);
    await runScript(
      { path, folder, what: 'The script', timeoutMs: 600_000, variables: { WHO: 'me' }, onOutput },
      signal,
    );
    return output.text;
  };
  const many = await ran('seq 50000; echo "$WHO in $PWD" >&2');
  assert.equal(many.split('\n').length, 50_001);
  assert.match(many, new RegExp(`me in ${folder}`));

  const left = await ran('sleep 3600 & echo $! > child; echo begun');
  assert.equal(left, 'begun');
  process.kill(Number(readFileSync(join(folder, 'child'), 'utf8')));

  const stop = new AbortController();
  const stopped = ran('sleep 3600 & echo $! > stopped; wait', stop.signal);
  const file = join(folder, 'stopped');
  for (const limit = performance.now() + 60_000; !existsSync(file) && performance.now() < limit; ) await delay(20);
  stop.abort(new Error('enough'));
  await assert.rejects(stopped, /enough/);
});
