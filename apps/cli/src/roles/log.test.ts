import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldfastError } from '@holdfast/core';
import { createLogger } from './log.ts';

test('secrets that come into a log line by mistake are not in it; errors are reports', () => {
  const lines: string[] = [];
  const logger = createLogger('server', 'info', { write: (line) => void lines.push(line) });
  const secret = 'hunter2-hunter2';
  logger.info(
    {
      token: secret,
      request: { password: secret, headers: { authorization: secret } },
      task: { access: { grant: secret } },
    },
    'x',
  );
  logger.error(
    { error: new HoldfastError('request.missing', { message: 'no such thing' }), cause: new Error('why') },
    'y',
  );
  const [first, second] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.ok(!lines.join('').includes(secret));
  assert.equal(first?.['token'], '[secret]');
  assert.deepEqual(second?.['error'], {
    ...new HoldfastError('request.missing', { message: 'no such thing' }).toJSON(),
  });
  assert.match(String(second?.['cause']), /Error: why/);
});
