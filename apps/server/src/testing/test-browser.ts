import type { HttpClient } from '@holdfast/wire';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** Where a redirection leads, as a whole address. */
  readonly location: string | undefined;
  readonly setCookies: readonly string[];
}

/** What of a browser matters to a sign-in: cookies with their paths, redirections within one site, forms. */
export class TestBrowser {
  readonly #http: HttpClient;
  readonly #origin: string;
  readonly cookies = new Map<string, { value: string; path: string }>();

  constructor(http: HttpClient, origin: string) {
    this.#http = http;
    this.#origin = origin;
  }

  async get(address: string): Promise<Answer> {
    return this.#send('GET', address, undefined, {});
  }

  async post(
    address: string,
    fields: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const body = new URLSearchParams(fields).toString();
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    return this.#send('POST', address, body, {
      ...type,
      origin: this.#origin,
      'sec-fetch-site': 'same-origin',
      ...headers,
    });
  }

  /** Follows redirections until one leads to another site, or a page comes. */
  async follow(answer: Answer): Promise<Answer> {
    let last = answer;
    while (last.location?.startsWith(`${this.#origin}/`)) last = await this.get(last.location);
    return last;
  }

  async #send(
    method: 'GET' | 'POST',
    address: string,
    body: string | undefined,
    headers: Readonly<Record<string, string>>,
  ): Promise<Answer> {
    const url = new URL(address, this.#origin);
    const sent = [...this.cookies].filter(
      ([, { path }]) => url.pathname === path || url.pathname.startsWith(`${path.replace(/\/$/, '')}/`),
    );
    const cookie = sent.map(([name, { value }]) => `${name}=${value}`).join('; ');
    const response = await this.#http.request({
      method,
      path: `${url.pathname}${url.search}`,
      headers: { host: url.host, accept: 'text/html', ...(cookie === '' ? {} : { cookie }), ...headers },
      body,
    });
    const setCookies = [response.headers['set-cookie'] ?? []].flat();
    for (const text of setCookies) this.#keep(text, url.pathname);
    const { location } = response.headers;
    return {
      ...{ status: response.status, headers: response.headers, text: await response.text(), setCookies },
      location: typeof location === 'string' ? new URL(location, this.#origin).href : undefined,
    };
  }

  #keep(text: string, from: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(text) ?? [];
    const path = /;\s*path=([^;]+)/i.exec(text)?.[1] ?? from;
    if (value === '' || /expires=Thu, 01 Jan 1970/i.test(text)) this.cookies.delete(name);
    else this.cookies.set(name, { value, path });
  }
}

/** The hidden fields of a page's last form. */
export function hiddenFields({ text }: Answer): Record<string, string> {
  const form = text.slice(text.lastIndexOf('<form'));
  const inputs = [...form.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)];
  return Object.fromEntries(inputs.map(([, name = '', value = '']) => [name, value]));
}
