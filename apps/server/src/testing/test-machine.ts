import { oauthPaths, RestClient } from '@holdfast/protocol';
import { createWire, type HttpClient, httpClient, type Wire } from '@holdfast/wire';
import type { TestServer } from './test-server.ts';

/** A machine that shows a certificate, or none, on each of its connections to 443. */
export class TestMachine implements AsyncDisposable {
  readonly http: HttpClient;
  readonly #wire: Wire;

  /** `pem`: private key and certificate. */
  constructor(server: TestServer, pem: string | undefined) {
    this.#wire = createWire({ role: 'client', bind: '127.0.0.1' });
    const port = server.running.portOf('client-to-server');
    const { caPem } = server;
    this.http = httpClient({
      connections: 4,
      connect: (signal) => this.#wire.dial('client-to-server', '127.0.0.1', { port, caPem, clientPem: pem, signal }),
    });
  }

  /** Sends a form to a path of the provider. */
  async form(path: string, fields: Record<string, string>): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await this.http.request({
      method: 'POST',
      path,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(fields).toString(),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
  }

  ask(id: string, fields: Record<string, string> = {}) {
    const grant = { grant_type: 'client_credentials', client_id: id, scope: 'api' };
    return this.form(oauthPaths.token, { ...grant, ...fields });
  }

  async token(id: string): Promise<string> {
    const { status, body } = await this.ask(id);
    if (status !== 200 || typeof body['access_token'] !== 'string')
      throw new Error(`no token: ${JSON.stringify(body)}`);
    return body['access_token'];
  }

  /** The REST API, over the connections of this machine. */
  client(token: string | undefined): RestClient {
    return new RestClient({ http: this.http, token });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.http[Symbol.asyncDispose]();
    await this.#wire[Symbol.asyncDispose]();
  }
}
