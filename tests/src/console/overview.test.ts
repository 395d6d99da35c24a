/** A task while it runs, what is behind each number of the overview, and long lists page by page, in Debian's Chromium. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import type { Answer, CallArguments, Routes } from '@holdfast/protocol';
import { WatchedPage } from './browser.ts';
import { ConsoleSystem } from './console-system.ts';

const password = 'a calm green harbour';
/** The least that can be set: a backup of so much goes on until somebody stops it. */
const bytesPerSecond = 64 * 1024;
const sourceBytes = 512 * bytesPerSecond;
/** More than the first page of a list. */
const moreJobs = 204;

test('a task is watched while it runs; numbers lead to what was counted; long lists come page by page', {
  skip: skipUnless({ programs: ['chromium'], platform: 'linux' }),
}, async (t) => {
  const system = await ConsoleSystem.start(t);
  await system.joinComputer();
  await system.startComputer();
  const source = join(system.folder, 'documents');
  mkdirSync(source);
  writeFileSync(join(source, 'noise'), randomBytes(sourceBytes));
  await system.addPerson('alice', 'administrator', password);
  const { agent, repository } = await system.call(async (client) => {
    const [mover = assert.fail('no mover')] = await client.list('computers', { query: { role: 'mover' } });
    const [one = assert.fail('no agent')] = await client.list('computers', { query: { role: 'agent' } });
    return {
      agent: one,
      repository: await client.call('createRepository', { body: { name: 'store', moverId: mover.id } }),
    };
  });
  type Body = CallArguments<Routes['createJob']>['body'];
  const jobOf = (name: string, path: string, more: Partial<Body> = {}): Body => ({
    ...{ name, computers: [agent.id], scope: { kind: 'folders', paths: [path] } },
    ...{ target: { kind: 'shared', repositoryId: repository.id }, retries: { count: 0 }, ...more },
  });
  const watched = await WatchedPage.open(t, system.origin);
  const { page } = watched;
  const main = page.getByRole('main');
  const heading = (name: string) => page.getByRole('heading', { level: 1, name });
  const go = (name: string) => page.getByRole('navigation', { name: 'Pages', exact: true }).getByRole('link', { name });
  const card = (name: string) => page.getByRole('region', { name, exact: true });
  const address = (name: string) => new URL(page.url()).searchParams.get(name);
  await page.goto(system.origin);
  await page.getByRole('textbox', { name: 'Name' }).fill('alice');
  await page.getByRole('textbox', { name: 'Password' }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await heading('Overview').waitFor();

  await t.test(
    'a task that runs is on the overview; it says what it waits for, its log goes on, and it is stopped',
    async () => {
      await system.call(async (client) => {
        const bandwidth = [{ bytesPerSecond }];
        const { id } = await client.call('createJob', { body: jobOf('Slow', source, { bandwidth }) });
        await client.call('runJob', { params: { id }, body: {} });
      });
      const running = card('Running now');
      await running.getByRole('link', { name: agent.hostname }).waitFor();
      await running.getByRole('progressbar', { name: `Progress on ${agent.hostname}` }).waitFor();
      await watched.checkAccessibility('an overview while a task runs');
      await page.getByRole('link', { name: '1 Running now', exact: true }).click();
      await heading('Tasks').waitFor();
      await page.getByRole('table', { name: 'Tasks' }).getByRole('link', { name: 'Backup' }).click();
      await main.getByText(/waits mostly for the network/).waitFor();
      await page.getByRole('img', { name: `Speed of the task on ${agent.hostname}` }).waitFor();
      const log = page.getByRole('log');
      const lines = log.locator('[data-level]');
      await lines.first().waitFor();
      // As if it had more lines than it has room for.
      await page.evaluate(`document.querySelector('[role=log]').style.maxHeight = '3rem'`);
      const before = await lines.count();
      await watched.checkAccessibility('a task that runs');
      await page.getByRole('button', { name: 'Stop at once', exact: true }).click();
      await main.getByText('Cancelled').first().waitFor();
      await lines.nth(before).waitFor();
      assert.ok(await page.evaluate(followsTheEnd), 'the log goes on to its end');
    },
  );

  await t.test('each number of the overview leads to as many as were counted', async () => {
    await system.call(async (client) => {
      const letters = join(system.folder, 'letters');
      mkdirSync(letters);
      for (const body of [jobOf('Letters', letters), jobOf('Broken', join(system.folder, 'nowhere'))]) {
        const { id } = await client.call('createJob', { body });
        const session = await client.call('runJob', { params: { id }, body: {} });
        for await (const _ of client.events('sessionEvents', { params: { id: session.id } })) void _;
      }
    });
    const { computers, failures, running, ransomwareAlerts, storage } = await system.call((client) =>
      client.call('overview', {}),
    );
    type Counted = Pick<Answer<'overview'>['approvals'], 'count' | 'list'>;
    const leadsTo = async (link: string, { count, list }: Counted): Promise<void> => {
      await go('Overview').click();
      await main.getByRole('link', { name: link, exact: true }).click();
      const { title, none } = lists[list];
      await heading(title).waitFor();
      if (count === 0) await main.getByText(none).waitFor();
      else await main.getByRole('row').nth(count).waitFor();
      assert.equal(await main.getByRole('row').count(), count === 0 ? 0 : count + 1, link);
    };
    await leadsTo('1 Protected', computers.protected);
    await leadsTo('0 Unprotected', computers.unprotected);
    await leadsTo('0 Ransomware alerts', ransomwareAlerts);
    assert.ok(failures.count > 0);
    await leadsTo(`${failures.count} Failed since yesterday`, failures);
    await leadsTo('0 Offline', computers.offline);
    await leadsTo('0 Running now', running);
    await leadsTo('0 Out of date', computers.outOfDate);
    await leadsTo('0 waiting', { count: 0, list: 'runs' });
    await go('Overview').click();
    await card('Last good restore drill')
      .getByRole('link', { name: /^never/ })
      .click();
    await heading('Computers').waitFor();
    await main.getByRole('row').nth(1).waitFor();
    await go('Overview').click();
    assert.equal(storage.measured.count + storage.unmeasured.count, 1);
    const what = storage.measured.count === 1 ? /B$/ : '1 not measured yet';
    await card('Storage').getByRole('link', { name: what }).first().click();
    await heading('Repositories').waitFor();
    await main.getByRole('table').getByRole('link', { name: 'store' }).waitFor();
  });

  await t.test('a list is loaded page by page as it is scrolled, and ordered by the server', async () => {
    await system.call(async (client) => {
      for (let number = 1; number <= moreJobs; number += 1) {
        const body = jobOf(`job-${String(number).padStart(3, '0')}`, source, { enabled: false });
        await client.call('createJob', { body });
      }
    });
    await page.goto(`${system.origin}/jobs?sort=name`);
    const table = page.getByRole('table', { name: 'Jobs' });
    const rows = table.getByRole('row');
    const [firstName, lastName] = ['Broken', `job-${moreJobs}`];
    await rows.nth(1).getByRole('link', { name: firstName }).waitFor();
    assert.equal(await table.getAttribute('aria-rowcount'), '-1', 'there are more than were asked for');
    const toEnd = 'window.scrollTo(0, document.body.scrollHeight)';
    await page.evaluate(toEnd);
    await page.locator(`table[aria-rowcount="${moreJobs + 4}"]`).waitFor();
    await page.evaluate(toEnd);
    await table.getByRole('link', { name: lastName }).waitFor();
    assert.ok((await rows.count()) < 100, 'only those near the window are in the page');
    await page.evaluate('window.scrollTo(0, 0)');
    await table.getByRole('button', { name: 'Job', exact: true }).click();
    await table.locator('th[aria-sort=descending]').waitFor();
    await rows.nth(1).getByRole('link', { name: lastName }).waitFor();
    assert.deepEqual([address('sort'), address('order')], ['name', 'desc']);
    await page.reload();
    await rows.nth(1).getByRole('link', { name: lastName }).waitFor();
  });

  await t.test('sessions are ordered by a click; the address says so', async () => {
    await go('Sessions').click();
    const sessions = page.getByRole('table', { name: 'Sessions' });
    await sessions.getByRole('row').nth(1).getByRole('link', { name: 'Broken' }).waitFor();
    await sessions.getByRole('button', { name: 'Begun', exact: true }).click();
    await sessions.locator('th[aria-sort=ascending]').waitFor();
    await sessions.getByRole('row').nth(1).getByRole('link', { name: 'Slow' }).waitFor();
    assert.equal(address('order'), 'asc');
  });

  await t.test('groups are found by a part of their name and by their kind, in either order', async () => {
    await system.call(async (client) => {
      for (const [name, type] of [
        ['north', 'individual'],
        ['laptops-north', 'preinstalled'],
      ] as const)
        await client.call('createGroup', { body: { name, type } });
    });
    await go('Groups').click();
    const groups = page.getByRole('table', { name: 'Groups' });
    const names = () => groups.getByRole('row').getByRole('link', { name: /^(laptops-)?north$/ });
    await page.getByRole('searchbox', { name: 'Search by name' }).fill('NORTH');
    await names().nth(1).waitFor();
    await groups.getByRole('link', { name: 'default', exact: true }).waitFor({ state: 'detached' });
    assert.deepEqual(await names().allTextContents(), ['laptops-north', 'north']);
    await groups.getByRole('button', { name: 'Group', exact: true }).click();
    await groups.locator('th[aria-sort=descending]').waitFor();
    await names()
      .first()
      .and(groups.getByRole('link', { name: 'north', exact: true }))
      .waitFor();
    await page.getByRole('combobox', { name: 'Kind' }).selectOption('Pre-installed');
    await groups.getByRole('link', { name: 'north', exact: true }).waitFor({ state: 'detached' });
    assert.deepEqual([address('text'), address('type'), address('order')], ['NORTH', 'preinstalled', 'desc']);
    await watched.checkAccessibility('groups that are looked for');
  });

  assert.deepEqual(watched.complaints, [], 'no error, nothing that the policy refused, no request to another host');
});

/** Once the page has drawn what it knows. */
const followsTheEnd = `new Promise((done) => requestAnimationFrame(() => setTimeout(() => {
  const { scrollHeight, clientHeight, scrollTop } = document.querySelector('[role=log]');
  done(scrollHeight > clientHeight && scrollTop + clientHeight >= scrollHeight - 2);
}, 500)))`;

/** Where the lists of what is counted are, and what they say where there is nothing. */
const lists = {
  computers: { title: 'Computers', none: 'No computer is like that.' },
  runs: { title: 'Tasks', none: 'No task is like that.' },
  repositories: { title: 'Repositories', none: 'No repository is like that.' },
  'ransomware-alerts': { title: 'Ransomware alerts', none: 'There is no alert that waits for somebody.' },
  approvals: { title: 'Settings', none: 'Nothing waits for a second administrator.' },
} as const;
