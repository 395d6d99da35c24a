import { HoldfastError } from '@holdfast/core';

/** `host`, `host:port` or `[v6]:port`, as `--server` takes it. Throws `usage.option`. */
export function parseServer(value: string): { readonly host: string; readonly port: number | undefined } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:/\s]+))(?::(\d{1,5}))?$/.exec(value);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? undefined : Number(match[3]);
  if (host === undefined || (port !== undefined && (port < 1 || port > 65_535))) {
    throw new HoldfastError('usage.option', { message: `--server ${value} is neither host nor host:port.` });
  }
  return { host, port };
}
