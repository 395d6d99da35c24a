import type { ChannelId } from '@holdfast/contract';
import type { Clock } from '@holdfast/core';
import type { Logger } from 'pino';
import type { ServerConfigInput } from './config.ts';
import type { Listening } from './rest/server-handlers.ts';

export interface ServerOptions {
  /** Everything the server owns is in it; made if it is not there. */
  readonly dataDir: string;
  readonly config?: ServerConfigInput;
  readonly clock?: Clock;
  readonly logger: Logger;
}

export interface RunningServer extends AsyncDisposable {
  readonly installation: string;
  readonly serverId: string;
  /** What a person compares before a computer joins. */
  readonly caFingerprint: string;
  /** Files that clients read: the administrator token (mode 0600) and the CA's certificate. */
  readonly tokenFile: string;
  readonly caFile: string;
  /** One entry for each listener, with the reason where it is not the contract's port. */
  readonly listening: readonly Listening[];
  /** Where the first administrator is made in a browser; undefined where there is an account. It is a secret. */
  readonly setUp: { readonly url: string; readonly expiresAt: string } | undefined;
  /** The port that a channel listens on. */
  portOf(channel: ChannelId): number;
}
