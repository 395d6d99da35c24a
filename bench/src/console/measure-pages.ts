import { requireProgram } from '@holdfast/core/testing';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { processesBelow } from '../measure/process-tree.ts';
import type { Person } from './large-fleet.ts';
import { type PageStep, type Timing, Timings } from './timing.ts';

const stepLimitMs = 60_000;

/** Opens the console as somebody who has signed in, with an empty cache each time, and sorts and scrolls its tables. */
export async function measurePages(o: {
  readonly person: Person;
  readonly origin: string;
  /** The process of the server. */
  readonly pid: number;
  readonly rounds: number;
}): Promise<{ readonly timings: readonly Timing[]; readonly firstViewScriptBytes: number }> {
  const program = await chromium.launchServer({
    executablePath: requireProgram('chromium').path,
    args: ['--no-sandbox'],
  });
  const browser = await chromium.connect(program.wsEndpoint());
  try {
    const timings = new Timings();
    const processes = (): readonly number[] => [...processesBelow(program.process().pid ?? 0), o.pid];
    const time = <Step extends PageStep>(what: string, work: () => Promise<Step>): Promise<Step> =>
      timings.timePage(what, work, processes);
    const cookies = await signIn(browser, o);
    let firstViewScriptBytes = 0;
    for (let round = 0; round < o.rounds; round += 1) {
      await using context = await newContext(browser);
      await context.addCookies(cookies);
      const page = await context.newPage();
      const first = await time('overview, nothing in the cache', () => firstView(page, o.origin));
      firstViewScriptBytes = first.scriptBytes;
      await page.goto(`${o.origin}/computers?role=agent`);
      await page.getByRole('row').nth(20).waitFor();
      await time('computers by name', () => sortBy(page, 'Computer'));
      await time('computers by last backup', () => sortBy(page, 'Last good backup'));
      await time('computers scrolled through', () => scrollThrough(page));
      await time('all of them by name', () => sortBy(page, 'Computer'));
      await page.goto(`${o.origin}/runs`);
      await page.getByRole('row').nth(20).waitFor();
      await time('runs scrolled through', () => scrollThrough(page));
    }
    return { timings: timings.all, firstViewScriptBytes };
  } finally {
    await browser.close();
    await program.close();
  }
}

async function newContext(browser: Browser): Promise<BrowserContext> {
  const viewport = { width: 1280, height: 800 };
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en-GB', viewport });
  context.setDefaultTimeout(stepLimitMs);
  await context.addInitScript(watchLongTasks);
  return context;
}

async function signIn(
  browser: Browser,
  { origin, person }: { readonly origin: string; readonly person: Person },
): Promise<Awaited<ReturnType<BrowserContext['cookies']>>> {
  await using context = await newContext(browser);
  const page = await context.newPage();
  await page.goto(origin);
  await page.getByRole('textbox', { name: 'Name' }).fill(person.name);
  await page.getByRole('textbox', { name: 'Password' }).fill(person.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation').first().waitFor();
  return await context.cookies();
}

/** Scripts of the page, as texts: they run in the browser. */
const watchLongTasks = `
  globalThis.longTasks = [];
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) longTasks.push({ startTime, duration });
  }).observe({ type: 'longtask', buffered: true });
  globalThis.longestSince = (start) => Math.max(0, ...longTasks.filter(({ startTime }) => startTime >= start).map(({ duration }) => duration));
  globalThis.painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
`;

/** Until the numbers of the overview are there, and painted. */
async function firstView(page: Page, origin: string): Promise<PageStep & { readonly scriptBytes: number }> {
  await page.goto(origin, { waitUntil: 'commit' });
  return await page.evaluate<PageStep & { scriptBytes: number }>(`(async () => {
    while (!document.querySelector('main h2')) await painted();
    await painted();
    const wallMs = performance.now();
    const scripts = performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('.js'));
    const scriptBytes = scripts.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0);
    return { wallMs, longestTaskMs: longestSince(0), scriptBytes };
  })()`);
}

/** From the click on a column's head until other rows are painted. */
async function sortBy(page: Page, column: string): Promise<PageStep> {
  return await page.evaluate<PageStep>(`(async () => {
    const rows = () => [...document.querySelectorAll('tbody tr[data-index]')].map((row) => row.textContent).join();
    scrollTo(0, 0);
    await painted();
    const head = [...document.querySelectorAll('thead button')].find((one) => one.textContent === ${JSON.stringify(column)});
    const [before, start] = [rows(), performance.now()];
    head.click();
    while (rows() === before) await painted();
    await painted();
    return { wallMs: performance.now() - start, longestTaskMs: longestSince(start) };
  })()`);
}

/** A screen at a time, as fast as rows come; what counts is the longest time between two pictures. */
async function scrollThrough(page: Page): Promise<PageStep> {
  return await page.evaluate<PageStep>(`(async () => {
    const start = performance.now();
    let [last, longest, still] = [start, 0, 0];
    const end = 10_000;
    const lastRow = () => Number([...document.querySelectorAll('tbody tr[data-index]')].at(-1)?.dataset.index ?? 0);
    while (lastRow() < end - 20 && still < 300) {
      const before = scrollY;
      scrollBy(0, innerHeight);
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
      still = scrollY === before ? still + 1 : 0;
    }
    return { wallMs: longest, longestTaskMs: longestSince(start) };
  })()`);
}
