import { appendFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls'; // socket exception: opens none, and looks at those of the process that it is loaded into

/**
 * Loaded into a process with `--import`: writes every byte that the process receives over TLS, deciphered, to a file of its own for each
 * connection, in the folder that RECORD_RECEIVED names. For tests that look for what must never come to a process.
 */
const folder = process.env['RECORD_RECEIVED'] ?? '';
mkdirSync(folder, { recursive: true });
let connections = 0;
const files = new WeakMap<TLSSocket, string>();
const push = TLSSocket.prototype.push;

TLSSocket.prototype.push = function recorded(this: TLSSocket, piece: unknown, encoding?: BufferEncoding): boolean {
  if (piece instanceof Uint8Array) {
    const file = files.get(this) ?? join(folder, `${process.pid}-${(connections += 1)}`);
    files.set(this, file);
    appendFileSync(file, piece);
  }
  return push.call(this, piece, encoding);
};

// The parser of HTTP reads by itself from a socket that it may consume, past everything above.
const { HTTPParser } = createRequire(import.meta.url)('_http_common') as {
  HTTPParser: { prototype: { consume: unknown } };
};
HTTPParser.prototype.consume = () => undefined;
