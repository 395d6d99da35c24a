// socket exception: plays a provider of others, which the server is to speak to
import { createServer } from 'node:https';
import type { TestContext } from 'node:test';
import { freePort } from '@holdfast/core/testing';
import { createWire, httpClient } from '@holdfast/wire';
import { createTestInstallation } from '@holdfast/wire/testing';
import { Provider } from 'oidc-provider';
import { TestBrowser } from './test-browser.ts';

export interface OutsidePerson {
  readonly sub: string;
  readonly preferred_username?: string;
  readonly name?: string;
  readonly groups?: readonly string[];
  /** How it says that the person signed in there. */
  readonly amr?: readonly string[];
  readonly acr?: string;
}

/** Another oidc-provider, on loopback with a CA of its own, that lets in whoever the test says. */
export class TestOutsideProvider {
  readonly issuer: string;
  readonly caPem: string;
  /** Its own, for browsers that are told to trust just that. */
  readonly certificatePem: string;
  readonly clientId = 'holdfast';
  readonly clientSecret = 'a secret that the database must not show';
  /** Who signs in next. */
  person: OutsidePerson = { sub: 'nobody' };
  #provider: Provider;
  readonly #browserHttp: ConstructorParameters<typeof TestBrowser>[0];

  private constructor(
    issuer: string,
    pems: { readonly caPem: string; readonly certificatePem: string },
    http: ConstructorParameters<typeof TestBrowser>[0],
  ) {
    this.issuer = issuer;
    this.caPem = pems.caPem;
    this.certificatePem = pems.certificatePem;
    this.#browserHttp = http;
    this.#provider = this.#make([]);
  }

  static async start(t: TestContext): Promise<TestOutsideProvider> {
    const installation = await createTestInstallation();
    const { certificatePem, privateKeyPem } = await installation.issue({ role: 'server' });
    const port = await freePort();
    const wire = createWire({ role: 'client', bind: '127.0.0.1' });
    t.after(() => wire[Symbol.asyncDispose]());
    const tls = { caPem: installation.caPem };
    const http = httpClient({
      connections: 4,
      connect: (signal) => wire.dialOutside('client-to-identity-provider', '127.0.0.1', { port, tls, signal }),
    });
    t.after(() => http[Symbol.asyncDispose]());
    const one = new TestOutsideProvider(
      `https://127.0.0.1:${port}`,
      { caPem: installation.caPem, certificatePem },
      http,
    );
    const server = createServer({ cert: certificatePem, key: privateKeyPem }, (request, response) => {
      const provider = one.#provider;
      if (!request.url?.startsWith('/login/')) return void provider.callback()(request, response);
      const signIn = async (): Promise<void> => {
        const { params } = await provider.interactionDetails(request, response);
        const grant = new provider.Grant({ accountId: one.person.sub, clientId: String(params['client_id']) });
        grant.addOIDCScope(String(params['scope']));
        const result = {
          login: {
            ...{ accountId: one.person.sub, remember: false },
            ...(one.person.amr ? { amr: [...one.person.amr] } : {}),
            ...(one.person.acr === undefined ? {} : { acr: one.person.acr }),
          },
          consent: { grantId: await grant.save() },
        };
        await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
      };
      signIn().catch((error: unknown) => response.destroy(error as Error));
    });
    // socket exception: as above
    await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port }, resolve));
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return one;
  }

  /** Registers the server there. */
  redirectTo(redirectUri: string): void {
    this.#provider = this.#make([redirectUri]);
  }

  /** One that has not been there before. */
  browser(): TestBrowser {
    return new TestBrowser(this.#browserHttp, this.issuer);
  }

  #make(redirect_uris: string[]): Provider {
    const { clientId: client_id, clientSecret: client_secret } = this;
    return new Provider(this.issuer, {
      clients: redirect_uris.length === 0 ? [] : [{ client_id, client_secret, redirect_uris }],
      claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'groups'], email: [] },
      cookies: { keys: ['a key for a test'] },
      features: { devInteractions: { enabled: false } },
      findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ ...this.person, sub: id }) }),
      interactions: { url: (_ctx, { uid }) => `/login/${uid}` },
    });
  }
}
