import type { ErrorCode, HoldfastError } from '@holdfast/core';

/** restic gives up at 401, 403, 404, 416 and 507 and repeats everything else for a quarter of an hour; 409, 423, 429 never. */
export function restStatus(error: HoldfastError): number {
  if (error.code === ('storage.tampered' satisfies ErrorCode)) return 500;
  const { http } = error.entry;
  if ([401, 403, 404, 416, 507].includes(http)) return http;
  // What is wrong with the request stays wrong: 403 ends the attempts. What is wrong here may pass.
  return http < 500 && error.retry === 'permanent' && error.code !== 'run.cancelled' ? 403 : 503;
}
