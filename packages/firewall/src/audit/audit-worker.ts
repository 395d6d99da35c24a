import { parentPort, workerData } from 'node:worker_threads';
import { toHoldfastError } from '@holdfast/core';
import { auditHost } from './audit-host.ts';
import type { AuditMessage, AuditTask } from './audit-in-thread.ts';

const { plan, host, options } = workerData as AuditTask;
let message: AuditMessage;
try {
  message = { kind: 'done', audit: await auditHost(plan, host, options) };
} catch (error) {
  message = { kind: 'failed', report: toHoldfastError(error).toJSON() };
}
parentPort?.postMessage(message);
