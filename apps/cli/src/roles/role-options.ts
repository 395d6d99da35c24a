import { join } from 'node:path';
import { defaultDataDirectory, resolvePath } from '../data-directory.ts';

export interface RoleOptions {
  readonly data?: string;
  readonly config?: string;
}

/** The data directory of a role. */
export function dataOf(options: RoleOptions, role: string): string {
  return options.data === undefined ? join(defaultDataDirectory(), role) : resolvePath(options.data);
}
