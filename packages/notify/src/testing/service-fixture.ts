import type { IncomingHttpHeaders } from 'node:http';
// socket exception: plays services of others, which this package is to speak to
import { createServer } from 'node:https';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { createSecureContext } from 'node:tls';
import { freePort } from '@holdfast/core/testing';
import type { TestInstallation } from '@holdfast/wire/testing';

export interface ServiceRequest {
  readonly host: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface ServiceAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
}

/** HTTPS on loopback in the place of several hosts, each with a certificate of its own. Gives the port. */
export async function startService(
  t: TestContext,
  o: {
    readonly installation: TestInstallation;
    readonly hosts: readonly string[];
    readonly answer: (request: ServiceRequest) => ServiceAnswer | Promise<ServiceAnswer>;
  },
): Promise<number> {
  const contexts = new Map(
    await Promise.all(
      o.hosts.map(async (hostName) => {
        const leaf = await o.installation.issue({ role: 'server', hostName });
        return [hostName, createSecureContext({ cert: leaf.certificatePem, key: leaf.privateKeyPem })] as const;
      }),
    ),
  );
  const server = createServer({ SNICallback: (name, done) => done(null, contexts.get(name)) }, (request, response) => {
    const answering = async (): Promise<void> => {
      const { headers, url: path = '' } = request;
      const asked = { host: headers.host ?? '', path, headers, body: await text(request) };
      const { status, headers: given = {}, json } = await o.answer(asked);
      response.writeHead(status, { 'content-type': 'application/json', ...given });
      response.end(json === undefined ? '' : JSON.stringify(json));
    };
    answering().catch((error: unknown) => response.destroy(error as Error));
  });
  const port = await freePort();
  // socket exception: as above
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port }, resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return port;
}
