import type { Duplex } from 'node:stream';
import { HoldfastError } from '@holdfast/core';
import { forbidDumps } from '@holdfast/native';
import { CallPeer, executorMethods, reportOf } from '@holdfast/protocol';
import { execute } from './execute.ts';

/**
 * Runs one task for the mover that started this process, and resolves when the mover hangs up. The repository's password comes
 * with the call, and is nowhere but in this process's memory.
 */
export async function serveExecutor(stream: Duplex): Promise<void> {
  forbidDumps();
  let grant: string | undefined;
  await using peer = new CallPeer({
    stream,
    methods: executorMethods,
    handlers: {
      execute: async (order, { signal, emit }) => {
        if (grant !== undefined)
          throw new HoldfastError('request.conflict', { message: 'This process has a task already.' });
        grant = order.task.access.grant;
        return await execute(order, {
          signal,
          grant: () => grant ?? order.task.access.grant,
          progress: (progress) => emit({ kind: 'progress', progress }),
          problem: (problem) => emit({ kind: 'problem', problem: reportOf(problem) }),
        });
      },
      renew: async (renewed) => {
        grant = renewed.grant;
        return {};
      },
    },
  });
  await peer.closed;
}
