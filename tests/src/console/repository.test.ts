/** A job that is made and run with the keyboard alone, and the page of the repository that it backs up to, in Debian's Chromium. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { WatchedPage } from './browser.ts';
import { ConsoleSystem } from './console-system.ts';
import { Keyboard } from './keyboard.ts';

const password = 'a calm green harbour';

test('a job is made and run without the pointer; its repository shows how it is, and is looked after', {
  skip: skipUnless({ programs: ['chromium'], platform: 'linux' }),
}, async (t) => {
  const system = await ConsoleSystem.start(t);
  await system.joinComputer();
  await system.startComputer();
  const source = join(system.folder, 'documents');
  mkdirSync(source);
  writeFileSync(join(source, 'letter'), 'kept\n');
  await system.addPerson('alice', 'administrator', password);
  const watched = await WatchedPage.open(t, system.origin);
  const { page } = watched;
  const main = page.getByRole('main');
  const heading = (name: string) => page.getByRole('heading', { level: 1, name });
  const go = (name: string) => page.getByRole('navigation', { name: 'Pages', exact: true }).getByRole('link', { name });
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const address = (name: string) => new URL(page.url()).searchParams.get(name);

  await t.test('with the keyboard alone somebody signs in, makes a job and runs it', async () => {
    const keys = new Keyboard(page);
    const write = async (name: string, text: string): Promise<void> => {
      await keys.reach(page.getByRole('textbox', { name }));
      await page.keyboard.type(text);
    };
    await page.goto(system.origin);
    await write('Name', 'alice');
    await write('Password', password);
    await page.keyboard.press('Enter');
    await keys.press(go('Jobs'));
    await keys.press(page.getByRole('link', { name: 'Add a job' }));
    await write('Name of the job', 'Documents');
    await keys.press(page.getByRole('group', { name: 'Computers', exact: true }).getByRole('checkbox'), 'Space');
    // Of the choices of a group the chosen one is reached, and from there the others by the arrows.
    await keys.press(page.getByRole('radio', { name: 'The whole computer' }), 'ArrowRight');
    await write('Folders', source);
    await keys.press(button('Continue'));
    await keys.press(page.getByRole('radio', { name: /a repository of its own each/ }), 'Space');
    await keys.press(button('Continue'));
    await keys.reach(page.getByRole('combobox', { name: 'Schedule' }));
    await page.keyboard.type('weekly');
    await page.getByRole('group', { name: 'On these days' }).waitFor();
    for (const next of ['How', 'Summary']) {
      await keys.press(button('Continue'));
      await page.getByRole('heading', { level: 2, name: next }).waitFor();
    }
    await keys.press(button('Make it and run it now'));
    await heading('Documents').waitFor();
    await page.getByText('1 file,').waitFor();
    const { jobs } = await system.call((client) => client.call('jobs', {}));
    assert.deepEqual(
      jobs.map(({ name, scope, schedule }) => [name, scope, schedule.kind]),
      [['Documents', { kind: 'folders', paths: [source] }, 'weekly']],
    );
  });

  const { agentId, moverId, repository } = await system.call(async (client) => {
    const [one = assert.fail()] = await client.list('repositories', {});
    return { agentId: one.ownerId ?? assert.fail(), moverId: one.moverId, repository: one };
  });

  await t.test('its repository: where it is, whose, what is done in it and when, and what is in it', async () => {
    await go('Repositories').click();
    await page
      .getByRole('table', { name: 'Repositories' })
      .getByRole('link', { name: repository.name })
      .first()
      .click();
    await heading(repository.name).waitFor();
    await main.getByText('One computer alone, whose own it is:').waitFor();
    await main.getByText(repository.location).waitFor();
    await main.getByRole('table', { name: 'What backs up to it' }).getByRole('link', { name: 'Documents' }).waitFor();
    const work = main.getByRole('table', { name: 'Maintenance', exact: true });
    assert.equal(await work.getByRole('row').count(), 5, 'a head, and four kinds of work');
    await work
      .getByRole('row', { name: /Freeing of space/ })
      .getByText(/20\d\d/)
      .waitFor();
    await main.getByText('No backup of this repository has been restored for trial yet.').waitFor();
    await watched.checkAccessibility('a repository');
    await watched.checkNarrow('a repository');
    await main
      .getByRole('table', { name: 'Backups' })
      .getByRole('link', { name: /^Restore/ })
      .click();
    await heading('Restore').waitFor();
    await main.getByText('documents', { exact: true }).first().waitFor();
  });

  await t.test('a restore drill is run now, and its receipt is kept', async () => {
    await page.goto(`${system.origin}/repositories/${repository.id}`);
    await button('Run now: Restore drill').click();
    await page.waitForURL(/\/sessions\//);
    await main.getByText('Succeeded').first().waitFor();
    await page.goBack();
    const drills = main.getByRole('table', { name: 'Restore drills' });
    await drills.getByText('Good').waitFor();
    await drills.getByText(/all of it: 1 file|a sample: 1 file/).waitFor();
    await main
      .getByRole('row', { name: /^Restore drill/ })
      .getByText('Succeeded')
      .waitFor();
    await watched.checkAccessibility('a repository with a drill');
    await watched.checkNarrow('a repository with a drill');
    const saved = page.waitForEvent('download');
    await drills.getByRole('button').first().click();
    const path = await (await saved).path();
    const { receipts } = await system.call((client) => client.call('receipts', {}));
    assert.equal(readFileSync(path, 'utf8'), `${receipts[0]?.jws}\n`);
  });

  await t.test(
    'retention is set; keeping less waits for a second administrator, and says so until they agree',
    async () => {
      const change = async (days: string): Promise<void> => {
        await page.getByRole('link', { name: 'Change retention and maintenance' }).click();
        await heading(`Change what is done in ${repository.name}`).waitFor();
        await page.getByRole('combobox', { name: 'Keep backups' }).selectOption('days');
        await page.getByRole('textbox', { name: 'Days', exact: true }).fill(days);
      };
      await change('90');
      const prune = page.getByRole('group', { name: 'Freeing of space' });
      await prune.getByRole('combobox', { name: 'Schedule' }).selectOption('daily');
      await page.getByRole('checkbox', { name: /signs of ransomware/ }).uncheck();
      await watched.checkAccessibility('what is done in a repository');
      await watched.checkNarrow('what is done in a repository');
      await button('Save').click();
      await heading(repository.name).waitFor();
      await main.getByText('90 days', { exact: true }).waitFor();
      await main.getByRole('table', { name: 'Maintenance', exact: true }).getByText('daily at 21:00').waitFor();
      const set = await system.call((client) =>
        client.call('repositoryMaintenance', { params: { id: repository.id } }),
      );
      assert.equal(set.ransomwareAnalysis, false);
      await system.addPerson('bob', 'administrator', password);
      await change('30');
      await button('Save').click();
      await page.getByRole('alert').getByText('Another administrator has to agree first; it waits for them.').waitFor();
      await watched.checkAccessibility('a change that waits');
      await page.getByRole('link', { name: 'Back', exact: true }).click();
      const waits = main.getByRole('status').filter({ hasText: '1 change of what is kept here waits' });
      await waits.waitFor();
      await main.getByText('90 days', { exact: true }).waitFor();
      await system.callAs('bob', password, async (client) => {
        const { approvals } = await client.call('approvals', {});
        const asked = approvals.find(({ action }) => action === 'setRepositoryMaintenance');
        await client.call('approveRequest', { params: { id: asked?.id ?? assert.fail('nothing waits') } });
      });
      const answered = page.waitForResponse((response) => new URL(response.url()).pathname === '/api/v1/approvals');
      await page.reload();
      await answered;
      await main.getByText('30 days', { exact: true }).waitFor();
      await waits.waitFor({ state: 'detached' });
    },
  );

  await t.test('of a repository without a key at the server it is said what the server cannot do', async () => {
    const { id } = await system.call((client) =>
      client.call('createRepository', { body: { name: 'secret', moverId, executorId: agentId, zeroKnowledge: true } }),
    );
    await page.goto(`${system.origin}/repositories/${id}`);
    await page
      .getByRole('region', { name: 'Zero knowledge' })
      .getByText(/cannot browse, search/)
      .waitFor();
    await main.getByText('No job or policy backs up to it.').waitFor();
    assert.equal(await button('Run now: Restore drill').count(), 0, 'there is nothing in it');
    await watched.checkAccessibility('a repository without a key');
    await page.goto(`${system.origin}/repositories/00000000-0000-4000-8000-000000000000`);
    await heading('There is no such thing here').waitFor();
  });

  await t.test('jobs are found by a part of their name, tasks are ordered; the address says so', async () => {
    await go('Jobs').click();
    const jobs = page.getByRole('table', { name: 'Jobs' });
    await page.getByRole('searchbox', { name: 'Search by name' }).fill('nothing');
    await main.getByText('No job is like that.').waitFor();
    assert.equal(address('text'), 'nothing');
    await page.getByRole('searchbox', { name: 'Search by name' }).fill('docu');
    await jobs.getByRole('link', { name: 'Documents' }).waitFor();
    await jobs.getByRole('button', { name: 'Job', exact: true }).click();
    await jobs.locator('th[aria-sort=ascending]').waitFor();
    await page.reload();
    await jobs.getByRole('link', { name: 'Documents' }).waitFor();
    assert.deepEqual([address('text'), address('sort')], ['docu', 'name']);
    await watched.checkAccessibility('jobs that were searched for');
    await watched.checkNarrow('jobs that were searched for');
    await page.getByRole('link', { name: 'Without filters' }).click();
    await go('Tasks').click();
    const tasks = page.getByRole('table', { name: 'Tasks' });
    await tasks.getByRole('button', { name: 'Stored', exact: true }).click();
    await main.getByText('In this order are only tasks that have ended.').waitFor();
    assert.equal(address('sort'), 'storedBytes');
    await tasks.getByRole('row').nth(1).getByRole('link', { name: 'Backup' }).waitFor();
    await tasks.getByRole('button', { name: /^Stored/ }).click();
    await tasks.locator('th[aria-sort=ascending]').waitFor();
    await watched.checkAccessibility('tasks in order');
  });

  assert.deepEqual(watched.complaints, [], 'no error, nothing that the policy refused, no request to another host');
});
