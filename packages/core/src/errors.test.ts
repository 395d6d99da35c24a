import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorEntry, errorTable, exitStatus } from './error-table.ts';
import { type ErrorReport, errnoOf, HoldfastError, hasCode, isHoldfastError, toHoldfastError } from './errors.ts';

const entries: readonly (readonly [string, ErrorEntry])[] = Object.entries(errorTable);

test('every entry of the table can be understood and acted on', () => {
  const exits: readonly number[] = Object.values(exitStatus);
  for (const [code, entry] of entries) {
    assert.match(code, /^[a-z-]+\.[a-z-]+$/);
    assert.match(entry.summary, /^[A-Z].*\.$/, code);
    assert.match(entry.guidance, /^\S.*\.$/, code);
    // What waits for another's agreement was accepted.
    assert.ok(code === 'approval.needed' ? entry.http === 202 : entry.http >= 400 && entry.http < 600, code);
    assert.ok(exits.includes(entry.exit), code);
  }
});

test('what says that data is damaged is never retried', () => {
  for (const code of ['storage.tampered', 'repository.damaged', 'repository.password', 'storage.exists'] as const)
    assert.equal(errorTable[code].retry, 'permanent', code);
});

test('an error takes from the table what its place does not know better', () => {
  const plain = new HoldfastError('storage.full');
  assert.equal(plain.message, errorTable['storage.full'].summary);
  assert.equal(plain.guidance, errorTable['storage.full'].guidance);
  assert.equal(plain.retry, 'permanent');
  assert.deepEqual(plain.context, {});
  assert.equal('cause' in plain, false);
  const cause = new Error('ENOSPC');
  const exact = new HoldfastError('storage.full', {
    message: 'The disk of /backup is full.',
    guidance: 'Remove something from /backup.',
    retry: 'transient',
    context: { path: '/backup', freeBytes: 0 },
    cause,
  });
  assert.equal(exact.message, 'The disk of /backup is full.');
  assert.equal(exact.guidance, 'Remove something from /backup.');
  assert.equal(exact.retry, 'transient');
  assert.equal(exact.cause, cause);
  assert.equal(exact.entry, errorTable['storage.full']);
});

test('an error survives the way to another process, without its cause', () => {
  const error = new HoldfastError('grant.expired', {
    message: 'expired at noon',
    context: { at: 'noon' },
    cause: 'secret',
  });
  const text = JSON.stringify(error);
  assert.doesNotMatch(text, /secret/);
  const back = HoldfastError.fromReport(JSON.parse(text) as ErrorReport);
  assert.deepEqual(back.toJSON(), error.toJSON());
  assert.equal(isHoldfastError(back), true);
});

test('a report with a code of another version becomes an unexpected error and keeps its message', () => {
  const report = { ...new HoldfastError('run.timeout', { message: 'from the future' }).toJSON(), code: 'not.known' };
  const error = HoldfastError.fromReport(JSON.parse(JSON.stringify(report)) as ErrorReport);
  assert.equal(error.code, 'internal.unexpected');
  assert.equal(error.message, 'from the future');
  // Names that every object has are no codes.
  assert.equal(
    HoldfastError.fromReport(JSON.parse(JSON.stringify({ ...report, code: 'toString' })) as ErrorReport).code,
    'internal.unexpected',
  );
});

test('codes are recognised, also on an error of another copy of the module', () => {
  const error = new HoldfastError('auth.rate');
  assert.equal(hasCode(error, 'auth.token', 'auth.rate'), true);
  assert.equal(hasCode(error, 'auth.token'), false);
  assert.equal(hasCode(new Error('auth.rate'), 'auth.rate'), false);
  assert.equal(isHoldfastError({ [Symbol.for('holdfast.error')]: true, code: 'auth.rate' }), true);
  for (const value of [undefined, null, 'auth.rate', { code: 'auth.rate' }])
    assert.equal(isHoldfastError(value), false);
});

test('anything thrown becomes an error of ours', async () => {
  const own = new HoldfastError('auth.rate');
  assert.equal(toHoldfastError(own), own);
  assert.equal(toHoldfastError(AbortSignal.abort().reason).code, 'run.cancelled');
  const timeout = AbortSignal.timeout(1);
  await new Promise((resolve) => timeout.addEventListener('abort', resolve));
  assert.equal(toHoldfastError(timeout.reason).code, 'run.timeout');
  const cause = new TypeError('x is not a function');
  const unexpected = toHoldfastError(cause);
  assert.equal(unexpected.code, 'internal.unexpected');
  assert.equal(unexpected.cause, cause);
  assert.match(unexpected.message, /x is not a function/);
  assert.match(toHoldfastError('a string').message, /a string/);
  assert.equal(toHoldfastError(undefined).code, 'internal.unexpected');
});

test('the errno of operating system errors, and of nothing else', () => {
  assert.equal(errnoOf(Object.assign(new Error(), { code: 'ENOENT' })), 'ENOENT');
  for (const value of [
    undefined,
    null,
    'ENOENT',
    {},
    { code: 2 },
    { code: 'ERR_ASSERTION x' },
    new HoldfastError('auth.rate'),
  ])
    assert.equal(errnoOf(value), undefined);
});
