import { hostname } from 'node:os';
import { type Clock, productVersion, toHoldfastError } from '@holdfast/core';
import { limits, platform, reportToServer, type StoredIdentity } from '@holdfast/protocol';
import type { Wire } from '@holdfast/wire';
import type { Logger } from 'pino';
import { reportRetryMaxMs, reportRetryMinMs } from './limits.ts';

/** Tells the server that this mover listens, and where, until the server has heard it. */
export async function reportUntilHeard(options: {
  readonly wire: Wire;
  readonly server: StoredIdentity['server'];
  /** The port that stands for 6162 here. */
  readonly port: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { wire, server, clock, logger, signal } = options;
  const report = {
    protocolVersion: limits.protocolVersion,
    productVersion,
    hostname: hostname(),
    platform: platform.parse(process.platform),
    ports: { 'server-to-mover': options.port },
  };
  for (let waitMs = reportRetryMinMs; !signal.aborted; waitMs = Math.min(waitMs * 2, reportRetryMaxMs)) {
    try {
      await reportToServer({ wire, channel: 'mover-to-server', server, report, signal });
      logger.info({ server: server.host }, 'the server knows where this mover listens');
      return;
    } catch (error) {
      if (signal.aborted) return;
      logger.warn({ error: toHoldfastError(error) }, 'the server could not be told where this mover listens');
    }
    try {
      await clock.sleep(waitMs, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
