import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldfastError } from '@holdfast/core';
import { reportOf, type TaskContext, taskMethods } from '@holdfast/protocol';
import { pino } from 'pino';
import { noZeroKnowledgeOptions } from './config.ts';
import { runOwnTask, runTask, type TaskEnvironment } from './tasks.ts';

const task = taskMethods['task.run'].params.shape.task.parse({
  kind: 'snapshots',
  limit: 10,
  access: {
    tenant: 'local',
    repository: 'boss',
    grant: 'grant',
    password: 'the key of the server',
    mover: { id: '6f1c2a34-9f52-4c1e-9a57-0b0d5f0c7f12', host: 'store', port: 6162, fingerprint: 'f'.repeat(43) },
    direction: 'agent-dials',
  },
});
const context = {} as TaskContext;

/** As far as it is asked before anything is opened. */
function computer(own: Pick<TaskEnvironment, 'ownKey' | 'zeroKnowledge'>): TaskEnvironment {
  return own as TaskEnvironment;
}

test('a computer with a key of its own opens nothing that the server has the key of, not for its administrator either', async () => {
  const own = computer({
    ownKey: async () => ({ password: 'only this computer has it' }) as Awaited<ReturnType<TaskEnvironment['ownKey']>>,
    zeroKnowledge: undefined,
  });
  await assert.rejects(runOwnTask(own, task, context), { code: 'zero-knowledge.refused' });
  const promised = computer({ ownKey: async () => undefined, zeroKnowledge: noZeroKnowledgeOptions });
  await assert.rejects(runOwnTask(promised, task, context), { code: 'zero-knowledge.no-key' });
});

test('what a computer with a key of its own notes for itself has the names, and what the server hears has none', async () => {
  const name = 'secret-name-7f3a';
  const noted: string[] = [];
  const told: unknown[] = [];
  const executor: Pick<TaskEnvironment['executor'], 'run'> = {
    run: async (_, context) => {
      context.problem(new HoldfastError('repository.damaged', { message: `${name} is damaged` }));
      throw new HoldfastError('storage.missing', { message: `${name} is not there` });
    },
  };
  const environment = {
    ownKey: async () => ({ password: 'only this computer has it' }),
    ...{ zeroKnowledge: undefined, log: pino({ level: 'silent' }), executor },
  } as unknown as TaskEnvironment;
  const own = { ...task, access: { ...task.access, password: undefined } };
  const failed = runTask(environment, own, {
    context: { problem: (error) => void told.push(reportOf(error)) } as TaskContext,
    noting: async (given, work) => {
      try {
        return await work({
          ...given,
          problem: (error) => {
            noted.push(error.message);
            given.problem(error);
          },
        });
      } catch (error) {
        noted.push(error instanceof Error ? error.message : '');
        throw error;
      }
    },
  });
  await failed.catch((error: unknown) => told.push(reportOf(error as HoldfastError)));
  assert.deepEqual(noted, [`${name} is damaged`, `${name} is not there`]);
  assert.equal(told.length, 2);
  assert.ok(!JSON.stringify(told).includes(name), JSON.stringify(told));
});
