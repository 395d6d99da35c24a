import type { HttpClient } from '@holdfast/wire';
import * as openid from 'openid-client';
import { hiddenFields, TestBrowser } from './test-browser.ts';
import { TestServer } from './test-server.ts';

/** The name that the server is known by. Nothing resolves it: requests go over the connections of the test. */
export const oauthServerName = 'backup.test';

/** openid-client's requests, over the connections of the test. */
export function fetchOver(http: HttpClient): openid.CustomFetch {
  return async (address, { method, headers, body }) => {
    const url = new URL(address);
    const response = await http.request({
      method: method === 'POST' ? 'POST' : 'GET',
      path: `${url.pathname}${url.search}`,
      headers: { ...headers, host: url.host },
      // It sends forms, and nothing else.
      ...(body instanceof URLSearchParams ? { body: body.toString() } : {}),
    });
    const answered = Object.entries(response.headers).map(([name, value]) => [name, String(value)] as [string, string]);
    return new Response(await response.text(), { status: response.status, headers: answered });
  };
}

/** A program that people sign in to: openid-client, and a browser for them. */
export class TestOauthClient {
  readonly config: openid.Configuration;
  readonly redirectUri: string;
  readonly #http: HttpClient;

  private constructor(config: openid.Configuration, redirectUri: string, http: HttpClient) {
    this.config = config;
    this.redirectUri = redirectUri;
    this.#http = http;
  }

  static issuerOf(server: TestServer): string {
    return `https://${oauthServerName}:${server.running.portOf('client-to-server')}`;
  }

  static async discover(
    server: TestServer,
    o: { id: string; secret?: string | undefined; redirectUri: string },
  ): Promise<TestOauthClient> {
    const config = await openid.discovery(
      new URL(TestOauthClient.issuerOf(server)),
      o.id,
      o.secret,
      o.secret === undefined ? openid.None() : openid.ClientSecretBasic(o.secret),
      { [openid.customFetch]: fetchOver(server.http) },
    );
    return new TestOauthClient(config, o.redirectUri, server.http);
  }

  /** What the provider says who the token's person is; undefined where it says nothing. */
  async userinfo(token: string): Promise<Record<string, unknown> | undefined> {
    const { pathname } = new URL(this.config.serverMetadata().userinfo_endpoint ?? '');
    const headers = { authorization: `Bearer ${token}` };
    const response = await this.#http.request({ method: 'GET', path: pathname, headers });
    const content = await response.json();
    return response.status === 200 ? (content as Record<string, unknown>) : undefined;
  }

  browser(): TestBrowser {
    return new TestBrowser(this.#http, this.config.serverMetadata().issuer);
  }

  /** A new request for a code, with what its answer is checked by. */
  async begin(o: { scope?: string; parameters?: Record<string, string> } = {}) {
    const pkceCodeVerifier = openid.randomPKCECodeVerifier();
    const expectedState = openid.randomState();
    const scope = o.scope ?? 'openid profile api';
    const isOpenid = scope.includes('openid');
    const expectedNonce = openid.randomNonce();
    const url = openid.buildAuthorizationUrl(this.config, {
      ...{ redirect_uri: this.redirectUri, scope },
      ...{ state: expectedState, ...(isOpenid ? { nonce: expectedNonce } : {}), code_challenge_method: 'S256' },
      code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
      ...o.parameters,
    });
    return { url, checks: { pkceCodeVerifier, expectedState, ...(isOpenid ? { expectedNonce } : {}) } };
  }

  /** A person signs in with the password; gives the address that the browser is sent to. */
  async signIn(address: string, name: string, browser = this.browser()): Promise<URL> {
    const form = await browser.follow(await browser.get(address));
    const answer = await this.submit(browser, form, { step: 'password', name, password: TestServer.passwordOf(name) });
    const { location } = await browser.follow(answer);
    if (location === undefined) throw new Error(`the browser was not sent back:\n${answer.location} ${answer.text}`);
    return new URL(location);
  }

  /** Sends a page's form to where it says. */
  async submit(
    browser: TestBrowser,
    page: { readonly text: string },
    fields: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ) {
    const action = /<form[^>]* action="([^"]+)"/.exec(page.text)?.[1];
    if (action === undefined) throw new Error(`no form:\n${page.text}`);
    const hidden = hiddenFields({ status: 200, headers: {}, location: undefined, setCookies: [], text: page.text });
    return browser.post(action, { ...hidden, ...fields }, headers);
  }

  /** All of it: from nothing to tokens. */
  async tokens(name: string, scope?: string): Promise<openid.TokenEndpointResponse> {
    const { url, checks } = await this.begin(scope === undefined ? {} : { scope });
    return openid.authorizationCodeGrant(this.config, await this.signIn(url.href, name), checks);
  }
}
