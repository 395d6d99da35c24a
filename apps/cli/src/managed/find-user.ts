import { HoldfastError } from '@holdfast/core';
import type { RestClient, User } from '@holdfast/protocol';

/** By name or id. Throws `request.missing`. */
export async function findUser(client: RestClient, text: string, signal: AbortSignal): Promise<User> {
  const found = (await client.call('users', { signal })).users.find(({ id, name }) => id === text || name === text);
  if (found) return found;
  throw new HoldfastError('request.missing', {
    message: `There is no account ${text}.`,
    guidance: '`holdfast users list` prints them.',
  });
}
