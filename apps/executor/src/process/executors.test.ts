import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldfastError, systemClock } from '@holdfast/core';
import type { Task } from '@holdfast/protocol';
import { silentContext } from '../testing/silent-context.ts';
import { Executors } from './executors.ts';
import { Sandboxes } from './sandboxes.ts';

const task: Task = {
  kind: 'check',
  read: 'nothing',
  access: {
    tenant: 'local',
    repository: 'repo',
    password: 'never in the arguments or the environment',
    grant: 'grant',
    sessionId: '6f1c2a34-9f52-4c1e-9a57-0b0d5f0c7f11',
    mover: { id: '6f1c2a34-9f52-4c1e-9a57-0b0d5f0c7f12', host: 'store', port: 6162, fingerprint: 'f'.repeat(43) },
    direction: 'agent-dials',
  },
};

function executors(script: string): Executors {
  return new Executors({
    command: { file: process.execPath, arguments: ['-e', script] },
    place: 'agent',
    socket: '/nowhere',
    sandboxes: new Sandboxes('/nowhere'),
    clock: systemClock,
    stopMs: 300,
  });
}

const nobody = (): never => assert.fail('nobody connects');

test('a process that dies is told with its last words', async () => {
  const running = executors("process.stderr.write('out of everything'); process.exit(7)");
  await assert.rejects(running.run(task, silentContext(), nobody), (error: unknown) => {
    assert.ok(error instanceof HoldfastError);
    assert.match(error.message, /status 7: out of everything/);
    return true;
  });
});

test('a process that does not stop when the task is cancelled is killed', async () => {
  const cancel = new AbortController();
  const running = executors("process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)");
  const ended = running.run(task, silentContext(cancel.signal), nobody);
  cancel.abort(new HoldfastError('run.cancelled'));
  // Rejects only when the process is gone.
  await assert.rejects(ended, { code: 'run.cancelled' });
});

test('without an executor such tasks are refused', async () => {
  const none = new Executors({
    command: undefined,
    place: 'agent',
    socket: '/nowhere',
    sandboxes: new Sandboxes('/nowhere'),
    clock: systemClock,
  });
  await assert.rejects(none.run(task, silentContext(), nobody), { code: 'request.invalid' });
});
