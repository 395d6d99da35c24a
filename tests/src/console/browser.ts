import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import type { TestContext } from 'node:test';
import { requireProgram, temporaryFolder } from '@holdfast/core/testing';
import axe from 'axe-core';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

/** Busy machines take their time; nothing that a page does takes so long. */
const stepLimitMs = 60_000;
/** The browser says this of each answer with such a status, which are the server's to give. */
const expectedComplaint = /Failed to load resource|net::ERR_CONNECTION_REFUSED/;

const appearance = {
  locale: 'en-GB',
  viewport: { width: 1280, height: 800 },
  reducedMotion: 'reduce',
} as const;

/** A page of Debian's Chromium, with a record of what must never happen in it. */
export class WatchedPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of scripts, what the console of the browser complains of (the Content-Security-Policy too), requests to elsewhere. */
  readonly complaints: string[] = [];
  readonly #origins: readonly string[];

  /**
   * As `open`, in a browser that finds `name` on this computer and trusts chains with these certificates, as passkeys need it. Requests to elsewhere are those
   * to neither the server nor `others`.
   */
  static async openTrusting(
    t: Pick<TestContext, 'after'>,
    o: { readonly origin: string; readonly trusted: readonly string[]; readonly others: readonly string[] },
  ): Promise<WatchedPage> {
    const keys = o.trusted.map((pem) => new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' }));
    const trusted = keys.map((key) => createHash('sha256').update(key).digest('base64')).join(',');
    const context = await chromium.launchPersistentContext(temporaryFolder(t), {
      executablePath: requireProgram('chromium').path,
      args: [
        '--no-sandbox',
        `--host-resolver-rules=MAP ${new URL(o.origin).hostname} 127.0.0.1`,
        `--ignore-certificate-errors-spki-list=${trusted}`,
      ],
      ...appearance,
    });
    t.after(() => context.close());
    return WatchedPage.#on(context, [o.origin, ...o.others]);
  }

  private constructor(context: BrowserContext, page: Page, origins: readonly string[]) {
    this.context = context;
    this.page = page;
    this.#origins = origins;
  }

  static async open(t: Pick<TestContext, 'after'>, origin: string): Promise<WatchedPage> {
    const browser = await chromium.launch({ executablePath: requireProgram('chromium').path, args: ['--no-sandbox'] });
    t.after(() => browser.close());
    const context = await browser.newContext({
      // The certificate is of the server's own CA, which this browser does not know.
      ignoreHTTPSErrors: true,
      ...appearance,
    });
    return WatchedPage.#on(context, [origin]);
  }

  static async #on(context: BrowserContext, origins: readonly string[]): Promise<WatchedPage> {
    context.setDefaultTimeout(stepLimitMs);
    const page = await context.newPage();
    const watched = new WatchedPage(context, page, origins);
    watched.#watch();
    return watched;
  }

  #watch(): void {
    this.page.on('pageerror', (error) => this.complaints.push(String(error)));
    this.page.on('console', (message) => {
      if (message.type() === 'error' && !expectedComplaint.test(message.text())) this.complaints.push(message.text());
    });
    this.page.on('request', (request) => {
      const url = new URL(request.url());
      if (!this.#origins.includes(url.origin) && url.protocol !== 'data:')
        this.complaints.push(`request to ${url.href}`);
    });
  }

  /** Looks with axe-core at what is shown now, in light and dark; throws what it finds. */
  async checkAccessibility(what: string): Promise<void> {
    for (const colorScheme of ['light', 'dark'] as const) {
      await this.page.emulateMedia({ colorScheme });
      await this.page.locator(`html[data-mantine-color-scheme=${colorScheme}]`).waitFor();
      await this.page.evaluate('new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))');
      await this.page.evaluate(axe.source);
      const found = (await this.page.evaluate(
        `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })`,
      )) as AxeResult;
      const lines = found.violations.flatMap(({ id, help, nodes }) =>
        nodes.map(({ html, failureSummary }) => `${id}: ${help}\n    ${html}\n    ${failureSummary ?? ''}`),
      );
      assert.deepEqual(lines, [], `axe-core, ${what}, ${colorScheme}`);
    }
    await this.page.emulateMedia({ colorScheme: 'light' });
  }

  /** On a phone nothing sticks out at the side; 320 pixels are what WCAG 2.2 asks for. */
  async checkNarrow(what: string, width = 375): Promise<void> {
    await this.page.setViewportSize({ width, height: 812 });
    const beyond = await this.page.evaluate(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    );
    await this.page.setViewportSize({ width: 1280, height: 800 });
    assert.equal(beyond, 0, `${what} is wider than a phone`);
  }
}

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly help: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
  }[];
}
