import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TaskContext, taskMethods } from '@holdfast/protocol';
import { noZeroKnowledgeOptions } from './config.ts';
import { runOwnTask, type TaskEnvironment } from './tasks.ts';

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
